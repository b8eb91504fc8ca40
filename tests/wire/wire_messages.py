# SPDX-License-Identifier: Apache-2.0
"""Random messages, and their three forms: wire_tool's text, flatc's JSON, generated Python.

A message is a tuple whose first item is its kind. Values are pairs (type, value); floats are
Python floats that their type can hold.
"""

import importlib
import math
import struct

TYPES = ["i32", "u32", "i64", "u64", "f32", "f64", "str", "bool", "bytes", "void"]
PARAMETER_TYPES = TYPES[:-1]
TABLES = {"i32": "hlint", "u32": "hluint", "i64": "hllong", "u64": "hlulong", "f32": "hlfloat",
          "f64": "hldouble", "str": "hlstring", "bool": "hlbool", "bytes": "hlvecbytes",
          "void": "hlvoid"}  # fmt: skip
RETURN_TABLES = {**TABLES, "bytes": "hlsizeprefixedbuffer"}
SCHEMAS = {"call": "function_call", "result": "function_call_result", "error": "guest_error",
           "log": "guest_log_data", "definitions": "host_function_details"}  # fmt: skip
ROOTS = {"call": "FunctionCall", "result": "FunctionCallResult", "error": "GuestError",
         "log": "GuestLogData", "definitions": "HostFunctionDetails"}  # fmt: skip
CALL_TYPES = ["none", "guest", "host"]
LEVELS = ["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"]
ERROR_NAMES = {0: "NoError", 2: "UnsupportedParameterType", 3: "GuestFunctionNameNotProvided",
               4: "GuestFunctionNotFound", 5: "GuestFunctionIncorrecNoOfParameters",
               6: "GispatchFunctionPointerNotSet", 7: "OutbError", 8: "UnknownError",
               9: "StackOverflow", 10: "GsCheckFailed", 11: "TooManyGuestFunctions",
               12: "FailureInDlmalloc", 13: "MallocFailed",
               14: "GuestFunctionParameterTypeMismatch", 15: "GuestError",
               16: "ArrayLengthParamIsMissing"}  # fmt: skip
RANGES = {"i32": (-(2**31), 2**31 - 1), "u32": (0, 2**32 - 1), "i64": (-(2**63), 2**63 - 1),
          "u64": (0, 2**64 - 1)}  # fmt: skip


# Random messages.


def random_text(rng):
    wide = "\u00e9\u0416\u20ac\ufffd\U0001f600\U0010ffff"
    alphabets = ["abc_XYZ 09", 'a"\\/\n\t\x01\x7f\0', wide]
    length = rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 30, rng.randrange(300)])
    return "".join(rng.choice(rng.choice(alphabets)) for _ in range(length))


def random_float(rng, type_name):
    fmt = "<f" if type_name == "f32" else "<d"
    while True:
        bits = rng.randbytes(struct.calcsize(fmt))
        value = rng.choice([0.0, 1.5, struct.unpack(fmt, bits)[0]])
        # flatc's JSON has no others, and flatc takes -0.0 for the default, which it leaves out.
        if math.isfinite(value) and bits_of(value) != bits_of(-0.0):
            return value


def bits_of(value):
    return struct.pack("<d", value)


def random_value(rng, type_name):
    if type_name in RANGES:
        low, high = RANGES[type_name]
        return type_name, rng.choice([0, 1, low, high, rng.randint(low, high)])
    if type_name in ("f32", "f64"):
        return type_name, random_float(rng, type_name)
    if type_name == "str":
        return type_name, random_text(rng)
    if type_name == "bool":
        return type_name, rng.random() < 0.5
    if type_name == "bytes":
        return type_name, rng.randbytes(rng.choice([0, 1, 3, 4, 7, 8, 9, rng.randrange(500)]))
    return type_name, None


def random_call(rng):
    count = rng.choice([0, 1, 2, 3, 11, 16])
    values = [random_value(rng, rng.choice(PARAMETER_TYPES)) for _ in range(count)]
    return "call", rng.choice([1, 2]), rng.choice(TYPES), random_text(rng), values


def random_result(rng):
    return "result", random_value(rng, rng.choice(TYPES))


def random_error(rng):
    return "error", rng.choice([*range(18), 2**64 - 1, rng.getrandbits(64)]), random_text(rng)


def random_log(rng):
    texts = [random_text(rng) for _ in range(4)]
    return "log", rng.randrange(7), rng.choice([0, 1, 2**32 - 1, rng.getrandbits(32)]), texts


def random_definitions(rng):
    names = {random_text(rng) for _ in range(rng.choice([0, 1, 2, 40]))}
    definitions = []
    for name in sorted(names, key=lambda text: text.encode()):
        types = [rng.choice(PARAMETER_TYPES) for _ in range(rng.choice([0, 1, 2, 16]))]
        definitions.append((name, rng.choice(TYPES), types))
    return "definitions", definitions


def random_message(rng):
    makers = [random_call, random_result, random_error, random_log, random_definitions]
    return rng.choice([random_call, *makers])(rng)


# wire_tool's text.


def hexadecimal(data):
    return "x" + (data.encode() if isinstance(data, str) else bytes(data)).hex()


def value_text(value):
    type_name, content = value
    if type_name in ("str", "bytes"):
        return f"{type_name}:{hexadecimal(content)}"
    if type_name == "f32":
        content = struct.unpack("<I", struct.pack("<f", content))[0]
    elif type_name == "f64":
        content = struct.unpack("<Q", struct.pack("<d", content))[0]
    elif type_name in ("i32", "i64"):
        content %= 2**32 if type_name == "i32" else 2**64
    return f"{type_name}:{int(content or 0)}"


def to_text(message):
    kind, *rest = message
    if kind == "call":
        call_type, returns, name, values = rest
        words = [str(call_type), returns, hexadecimal(name), *map(value_text, values)]
        return " ".join([kind, *words])
    if kind == "result":
        return f"{kind} {value_text(rest[0])}"
    if kind == "error":
        return f"{kind} {rest[0]} {hexadecimal(rest[1])}"
    if kind == "log":
        return " ".join([kind, str(rest[0]), str(rest[1]), *map(hexadecimal, rest[2])])
    words = [f"{hexadecimal(n)}/{returns}/{','.join(types)}" for n, returns, types in rest[0]]
    return " ".join([kind, *words])


# flatc's JSON.


def value_json(value, tables):
    type_name, content = value
    table = tables[type_name]
    if table == "hlvoid":
        return table, {}
    if table == "hlsizeprefixedbuffer":
        return table, {"size": len(content), "value": list(content)}
    return table, {"value": list(content) if type_name == "bytes" else content}


def call_json(call_type, returns, name, values):
    document = {"function_name": name, "function_call_type": CALL_TYPES[call_type],
                "expected_return_type": RETURN_TABLES[returns]}  # fmt: skip
    if values:
        pairs = [value_json(value, TABLES) for value in values]
        document["parameters"] = [{"value_type": table, "value": json} for table, json in pairs]
    return document


def definition_json(name, returns, types):
    document = {"function_name": name, "return_type": RETURN_TABLES[returns]}
    if types:
        document["parameters"] = [TABLES[type_name] for type_name in types]
    return document


def to_json(message):
    kind, *rest = message
    if kind == "call":
        return call_json(*rest)
    if kind == "result":
        table, json = value_json(rest[0], RETURN_TABLES)
        return {"return_value_type": table, "return_value": json}
    if kind == "error":
        return {"code": ERROR_NAMES.get(rest[0], rest[0]), "message": rest[1]}
    if kind == "log":
        level, line, texts = rest
        keys = ["message", "source", "caller", "source_file"]
        return {"level": LEVELS[level], "line": line, **dict(zip(keys, texts))}
    return {"functions": [definition_json(*definition) for definition in rest[0]]}


def json_agrees(expected, found):
    """Equal, but for the digits of a float that flatc leaves out: those after the sixth place."""
    if isinstance(expected, float):
        return math.isclose(expected, found, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(expected, dict):
        return expected.keys() == found.keys() and all(
            json_agrees(expected[key], found[key]) for key in expected
        )
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(json_agrees, expected, found))
    return expected == found


# The classes that `flatc --python --gen-object-api` makes. Its object API writes well; it cannot
# read unions whose members' names are in lower case, so that reading goes through the accessors.


def generated(name):
    return importlib.import_module(f"Hyperlight.Generated.{name}")


def new(name, **fields):
    instance = getattr(generated(name), f"{name}T")()
    for field, content in fields.items():
        assert hasattr(instance, field), field
        setattr(instance, field, content)
    return instance


def value_object(value, tables):
    type_name, content = value
    table = tables[type_name]
    if table == "hlvoid":
        return new(table)
    if type_name == "bytes":
        content = list(content)
    if table == "hlsizeprefixedbuffer":
        return new(table, size=len(content), value=content)
    return new(table, value=content)


def number(enum, name):
    """The number of an enum's or a union's member; None where there is no such member."""
    return getattr(getattr(generated(enum), enum), name, None)


def call_object(call_type, returns, name, values):
    parameters = [
        new("Parameter", valueType=number("ParameterValue", TABLES[value[0]]),
            value=value_object(value, TABLES))
        for value in values
    ]  # fmt: skip
    return new("FunctionCall", functionName=name, functionCallType=call_type,
               expectedReturnType=number("ReturnType", RETURN_TABLES[returns]),
               parameters=parameters or None)  # fmt: skip


def definition_object(name, returns, types):
    numbers = [number("ParameterType", TABLES[type_name]) for type_name in types]
    return new("HostFunctionDefinition", functionName=name, parameters=numbers,
               returnType=number("ReturnType", RETURN_TABLES[returns]))  # fmt: skip


def to_object(message):
    kind, *rest = message
    if kind == "call":
        return call_object(*rest)
    if kind == "result":
        type_number = number("ReturnValue", RETURN_TABLES[rest[0][0]])
        value = value_object(rest[0], RETURN_TABLES)
        return new("FunctionCallResult", returnValueType=type_number, returnValue=value)
    if kind == "error":
        return new("GuestError", code=rest[0], message=rest[1])
    if kind == "log":
        level, line, (text, source, caller, source_file) = rest
        return new("GuestLogData", level=level, line=line, message=text, source=source,
                   caller=caller, sourceFile=source_file)  # fmt: skip
    definitions = [definition_object(*definition) for definition in rest[0]]
    return new("HostFunctionDetails", functions=definitions)


# Back from generated classes.


def bytes_of(table, field):
    return bytes(getattr(table, field)(i) for i in range(getattr(table, f"{field}Length")()))


def value_from(member, union, tables):
    enum = "ParameterValue" if tables is TABLES else "ReturnValue"
    type_name = type_from(member, enum, tables)
    table = getattr(generated(tables[type_name]), tables[type_name])()
    table.Init(union.Bytes, union.Pos)
    if type_name == "void":
        return type_name, None
    if type_name == "bytes":
        content = bytes_of(table, "Value")
        assert tables is TABLES or table.Size() == len(content)
        return type_name, content
    return type_name, table.Value().decode() if type_name == "str" else table.Value()


def type_from(found, enum, tables):
    return next(name for name in tables if number(enum, tables[name]) == found)


def call_from(root):
    values = []
    for i in range(root.ParametersLength()):
        parameter = root.Parameters(i)
        values.append(value_from(parameter.ValueType(), parameter.Value(), TABLES))
    returns = type_from(root.ExpectedReturnType(), "ReturnType", RETURN_TABLES)
    return "call", root.FunctionCallType(), returns, root.FunctionName().decode(), values


def definition_from(table):
    numbers = bytes_of(table, "Parameters")
    types = [type_from(enum_number, "ParameterType", TABLES) for enum_number in numbers]
    returns = type_from(table.ReturnType(), "ReturnType", RETURN_TABLES)
    return table.FunctionName().decode(), returns, types


def from_bytes(kind, data):
    """The message in a size-prefixed buffer, as the generated classes read it."""
    root = getattr(generated(ROOTS[kind]), ROOTS[kind]).GetRootAs(data, 4)
    if kind == "call":
        return call_from(root)
    if kind == "result":
        return kind, value_from(root.ReturnValueType(), root.ReturnValue(), RETURN_TABLES)
    if kind == "error":
        return kind, root.Code(), root.Message().decode()
    if kind == "log":
        texts = [root.Message(), root.Source(), root.Caller(), root.SourceFile()]
        return kind, root.Level(), root.Line(), [text.decode() for text in texts]
    functions = [root.Functions(i) for i in range(root.FunctionsLength())]
    return kind, [definition_from(table) for table in functions]
