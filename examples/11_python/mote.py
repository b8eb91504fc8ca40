# SPDX-License-Identifier: Apache-2.0
"""What host.py needs of libmote, for ctypes: structs as in include/mote/, and a class Sandbox."""

import ctypes
import os
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_int32
from ctypes import c_int64, c_size_t, c_uint32, c_uint64, c_void_p

POLICY_HARDWARE_PREFERRED = 1
I32, U32, I64, U64, F32, F64, STR, BOOL, BYTES, VOID, ANY = range(11)
MAX_PARAMETERS = 11


class View(ctypes.Structure):
    """mote_str_view and mote_bytes_view, which have the same layout."""

    _fields_ = [("data", c_void_p), ("len_bytes", c_size_t)]


class Union(ctypes.Union):
    _fields_ = [("i32", c_int32), ("u32", c_uint32), ("i64", c_int64), ("u64", c_uint64),
                ("f32", c_float), ("f64", c_double), ("boolean", c_bool),
                ("str", View), ("bytes", View)]  # fmt: skip


class Value(ctypes.Structure):
    _fields_ = [("type", c_int), ("as_", Union)]


class Function(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("returns", c_int), ("n_params", c_size_t),
                ("params", c_int * MAX_PARAMETERS)]  # fmt: skip


class HostFunction(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("fn", c_void_p), ("context", c_void_p), ("returns", c_int),
                ("n_params", c_size_t), ("params", c_int * MAX_PARAMETERS)]  # fmt: skip


class Fault(ctypes.Structure):
    _fields_ = [("vector", c_int32), ("error_code", c_uint32), ("access", c_uint32),
                ("has_address", c_uint32), ("rip", c_uint64), ("rsp", c_uint64),
                ("address", c_uint64), ("name", c_char * 8), ("cause", c_char * 40),
                ("region", c_char * 32), ("symbol", c_char * 96)]  # fmt: skip


class Limit(ctypes.Structure):
    _fields_ = [("kind", c_char * 8), ("phase", c_char * 8), ("limit_us", c_uint64),
                ("elapsed_us", c_uint64)]  # fmt: skip


class Load(ctypes.Structure):
    _fields_ = [("field", c_char * 48), ("value", c_uint64), ("offset", c_uint64)]


class Error(ctypes.Structure):
    _fields_ = [("code", c_int), ("os_errno", c_int32), ("text", c_char * 512),
                ("subject", c_char * 256), ("function", c_char * 96), ("guest_code", c_uint64),
                ("message", c_char * 1024), ("fault", Fault), ("limit", Limit), ("load", Load),
                ("protocol_buffer", c_char * 16), ("protocol_field", c_char * 32),
                ("protocol_value", c_uint64)]  # fmt: skip


class Config(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("input_bytes", c_size_t), ("output_bytes", c_size_t),
                ("host_definitions_bytes", c_size_t), ("host_exception_bytes", c_size_t),
                ("guest_error_bytes", c_size_t), ("guest_panic_bytes", c_size_t),
                ("kernel_stack_bytes", c_size_t), ("stack_bytes", c_size_t),
                ("heap_bytes", c_size_t), ("time_limit_us", c_uint64), ("init_limit_us", c_uint64),
                ("cancel_wait_us", c_uint64), ("driver", c_char_p), ("policy", c_int),
                ("max_log", c_int), ("log_is_set", c_bool), ("executable_heap", c_bool),
                ("host_calls_in_init", c_bool), ("log", c_void_p), ("log_context", c_void_p),
                ("print", c_void_p), ("print_context", c_void_p), ("cpu_limit_us", c_uint64),
                ("max_memory_bytes", c_size_t), ("single_use", c_bool), ("dump_path", c_char_p),
                ("spin_us", c_uint64), ("metrics", c_void_p), ("log_rate_per_s", c_uint64),
                ("log_burst", c_uint64), ("span", c_void_p), ("span_context", c_void_p),
                ("filter_host_functions", c_bool)]  # fmt: skip


# mote_host_fn
HOST_FN = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Value), c_size_t, POINTER(Value), POINTER(Error))

# Only CDLL gives up the interpreter's lock during a call, so that another thread can cancel it.
lib = ctypes.CDLL("libmote.so.0")


def declare(name, result, *parameters):
    function = getattr(lib, name)
    function.restype, function.argtypes = result, parameters


declare("mote_image_open", c_int, c_char_p, c_void_p, POINTER(c_void_p), POINTER(Error))
declare("mote_image_function", POINTER(Function), c_void_p, c_size_t)
declare("mote_image_unref", None, c_void_p)
declare("mote_sandbox_create", c_int, c_void_p, POINTER(Config), POINTER(c_void_p), POINTER(Error))
declare("mote_sandbox_register", c_int, c_void_p, POINTER(HostFunction), POINTER(Error))
declare("mote_sandbox_init", c_int, c_void_p, POINTER(Error))
declare("mote_call", c_int, c_void_p, c_char_p, POINTER(Value), c_size_t, c_int, POINTER(Value),
        POINTER(Error))  # fmt: skip
declare("mote_sandbox_cancel", c_int, c_void_p)
declare("mote_sandbox_destroy", c_int, c_void_p)
declare("mote_status_name", c_char_p, c_int)
# Variadic: what follows the format is not declared here.
declare("mote_host_fail", c_int, POINTER(Error), c_uint64, c_char_p)


class MoteError(Exception):
    """A status other than MOTE_OK."""

    def __init__(self, err):
        self.status = lib.mote_status_name(err.code).decode()
        super().__init__(f"{self.status}: {err.text.decode()}")


def check(status, err):
    if status != 0:
        raise MoteError(err)


MEMBERS = {I32: "i32", U32: "u32", I64: "i64", U64: "u64", F32: "f32", F64: "f64", BOOL: "boolean"}


def to_value(kind, given, kept):
    """Makes a Value. The bytes that it points to are added to kept: they must outlive the Value."""
    value = Value(type=kind)
    if kind in (STR, BYTES):
        data = given.encode() if kind == STR else bytes(given)
        kept.append(data)
        view = value.as_.str if kind == STR else value.as_.bytes
        view.data, view.len_bytes = ctypes.cast(c_char_p(data), c_void_p), len(data)
    elif kind != VOID:
        setattr(value.as_, MEMBERS[kind], given)
    return value


def from_value(value):
    """Copies what a Value holds: its text and bytes are only borrowed."""
    if value.type == VOID:
        return None
    if value.type in (STR, BYTES):
        view = value.as_.str
        data = ctypes.string_at(view.data, view.len_bytes)
        return data.decode() if value.type == STR else data
    return getattr(value.as_, MEMBERS[value.type])


class Sandbox:
    """A sandbox of the guest at path, ready for calls.

    host_functions is a list of (name, function, type of the result, types of the parameters).
    """

    def __init__(self, path, host_functions=(), time_limit_us=0):
        self._handle, self._callbacks = c_void_p(), []
        err, image = Error(), c_void_p()
        check(lib.mote_image_open(os.fsencode(path), None, byref(image), byref(err)), err)
        try:
            self._params = self._read_functions(image)
            config = Config(struct_size=ctypes.sizeof(Config), policy=POLICY_HARDWARE_PREFERRED,
                            driver=os.environb.get(b"MOTE_DRIVER"), time_limit_us=time_limit_us)  # fmt: skip
            check(lib.mote_sandbox_create(image, byref(config), byref(self._handle), byref(err)), err)
        finally:
            lib.mote_image_unref(image)
        try:
            for host_function in host_functions:
                self._register(*host_function)
            check(lib.mote_sandbox_init(self._handle, byref(err)), err)
        except MoteError:
            self.close()
            raise

    def call(self, name, *args):
        err, result, kept = Error(), Value(), []
        # A function that the guest does not have is left to mote_call() to refuse.
        kinds = self._params.get(name, [])
        if name in self._params and len(kinds) != len(args):
            raise TypeError(f"{name} takes {len(kinds)} arguments, not {len(args)}")
        values = [to_value(kind, arg, kept) for kind, arg in zip(kinds, args)]
        array = (Value * len(values))(*values)
        check(lib.mote_call(self._handle, name.encode(), array, len(values), ANY, byref(result),
                            byref(err)), err)  # fmt: skip
        return from_value(result)

    def cancel(self):
        """Ends the running call. Any thread may do that."""
        lib.mote_sandbox_cancel(self._handle)

    def close(self):
        lib.mote_sandbox_destroy(self._handle)
        self._handle = c_void_p()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _read_functions(image):
        """{name: types of the parameters} of the functions that the guest declares."""
        found, index = {}, 0
        while function := lib.mote_image_function(image, index):
            declared = function.contents
            found[declared.name.decode()] = list(declared.params[: declared.n_params])
            index += 1
        return found

    def _register(self, name, function, returns, params):
        kept = []

        def answer(_context, args, n_args, result, err):
            # An exception must not leave a callback: it becomes a failed host call.
            try:
                kept.clear()  # the result before this one is needed no longer
                given = function(*(from_value(args[i]) for i in range(n_args)))
                result[0] = to_value(returns, given, kept)
                return 0
            except Exception as error:
                return lib.mote_host_fail(err, 1, b"%s", c_char_p(str(error).encode()))

        callback = HOST_FN(answer)
        self._callbacks.append(callback)  # what C points to must not be collected
        definition = HostFunction(name=name.encode(), fn=ctypes.cast(callback, c_void_p),
                                  returns=returns, n_params=len(params))  # fmt: skip
        definition.params[: len(params)] = params
        err = Error()
        check(lib.mote_sandbox_register(self._handle, byref(definition), byref(err)), err)
