// SPDX-License-Identifier: Apache-2.0
//! The functions of Hyperlight 0.1's simpleguest, by the same names and with the same behaviour
//! (docs/guests.md). guests/simple has them on mote's SDK.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};
use core::hint::black_box;
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use hyperlight_common::flatbuffer_wrappers::function_call::FunctionCall;
use hyperlight_common::flatbuffer_wrappers::function_types::{
    ParameterType as P, ParameterValue, ReturnType as R,
};
use hyperlight_common::flatbuffer_wrappers::guest_error::ErrorCode;
use hyperlight_common::flatbuffer_wrappers::guest_log_level::LogLevel;
use hyperlight_common::flatbuffer_wrappers::util::*;
use hyperlight_guest::alloca::_alloca;
use hyperlight_guest::entrypoint::{abort_with_code, abort_with_code_and_message};
use hyperlight_guest::host_function_call::{
    call_host_function, get_host_value_return_as_int, get_host_value_return_as_ulong,
    print_output_as_guest_function,
};
use hyperlight_guest::logging::log_message as send_record;
use hyperlight_guest::memory::{hlfree, hlmalloc};
use rust01::*;

const BIG_ARRAY_NUMBERS: usize = 1024 * 1024;
/// More than the stack that a guest has by default.
const LARGE_BYTES: usize = 64 * 1024 + 1;
const SMALL_BYTES: usize = 1024;
const SHORT_BYTES: usize = 17;
const PAGE_BYTES: u64 = 4096;

static mut BIG_ARRAY: [i32; BIG_ARRAY_NUMBERS] = [0; BIG_ARRAY_NUMBERS];
static mut COUNTER: i32 = 0;

// ---- State that stays between calls, or does not ----

fn set_static(_: &FunctionCall) -> Answer {
    let array = addr_of_mut!(BIG_ARRAY) as *mut i32;
    for i in 0..BIG_ARRAY_NUMBERS {
        unsafe { write_volatile(array.add(i), i as i32) };
    }
    Ok(get_flatbuffer_result_from_int(BIG_ARRAY_NUMBERS as i32))
}

fn add_to_static(call: &FunctionCall) -> Answer {
    let sum = unsafe { read_volatile(addr_of!(COUNTER)) }.wrapping_add(int(call, 0));
    unsafe { write_volatile(addr_of_mut!(COUNTER), sum) };
    Ok(get_flatbuffer_result_from_int(sum))
}

fn get_static(_: &FunctionCall) -> Answer {
    Ok(get_flatbuffer_result_from_int(unsafe {
        read_volatile(addr_of!(COUNTER))
    }))
}

// ---- Values there and back ----

fn echo(call: &FunctionCall) -> Answer {
    Ok(get_flatbuffer_result_from_string(&string(call, 0)))
}

fn echo_float(call: &FunctionCall) -> Answer {
    Ok(get_flatbuffer_result_from_float(float(call, 0)))
}

fn echo_double(call: &FunctionCall) -> Answer {
    Ok(get_flatbuffer_result_from_double(double(call, 0)))
}

fn get_size_prefixed_buffer(call: &FunctionCall) -> Answer {
    Ok(get_flatbuffer_result_from_vec(&bytes(call, 0)))
}

fn set_byte_array_to_zero(call: &FunctionCall) -> Answer {
    let mut data = bytes(call, 0);
    data.fill(0);
    Ok(get_flatbuffer_result_from_vec(&data))
}

fn add(call: &FunctionCall) -> Answer {
    let numbers = Vec::from([
        ParameterValue::Int(int(call, 0)),
        ParameterValue::Int(int(call, 1)),
    ]);
    call_host_function("HostAdd", Some(numbers), R::Int)?;
    Ok(get_flatbuffer_result_from_int(
        get_host_value_return_as_int()?,
    ))
}

fn violate_seccomp_filters(_: &FunctionCall) -> Answer {
    call_host_function("MakeGetpidSyscall", None, R::ULong)?;
    Ok(get_flatbuffer_result_from_ulong(
        get_host_value_return_as_ulong()?,
    ))
}

// ---- Printing: what HostPrint returns is the result ----

extern "C" {
    fn printf_(format: *const c_char, ...) -> c_int;
}

fn print_using_printf(call: &FunctionCall) -> Answer {
    let text = CString::new(string(call, 0)).expect("a NUL in the text");
    let printed = unsafe { printf_(c"%s".as_ptr(), text.as_ptr()) };
    Ok(get_flatbuffer_result_from_int(printed))
}

/// Prints as many of the arguments as the function has.
fn print_args(call: &FunctionCall) -> Answer {
    let mut text = String::from("Message:");
    let args = call.parameters.as_ref().expect("no parameters");
    for (i, arg) in args.iter().enumerate() {
        let shown = match arg {
            ParameterValue::String(value) => value.clone(),
            ParameterValue::Int(value) => format!("{}", value),
            ParameterValue::Long(value) => format!("{}", value),
            ParameterValue::Bool(value) => format!("{}", value),
            ParameterValue::Float(value) => format!("{:.3}", value),
            other => return failure(ErrorCode::GuestError, format!("not printed: {:?}", other)),
        };
        text += &format!(" arg{}:{}", i + 1, shown);
    }
    ask_host("HostPrint", text + ".")
}

fn log_message(call: &FunctionCall) -> Answer {
    if let Some(level) = level_of(int(call, 1))? {
        log::log!(level, "{}", string(call, 0));
    }
    Ok(get_flatbuffer_result_from_void())
}

// ---- The stack ----

#[inline(never)]
fn use_stack<const N: usize>() -> i32 {
    black_box(&mut [1u8; N]);
    N as i32
}

fn small_var(_: &FunctionCall) -> Answer {
    Ok(get_flatbuffer_result_from_int(use_stack::<SMALL_BYTES>()))
}

fn large_var(_: &FunctionCall) -> Answer {
    Ok(get_flatbuffer_result_from_int(use_stack::<LARGE_BYTES>()))
}

/// 0 stands for more than the default stack.
fn stack_allocate(call: &FunctionCall) -> Answer {
    let wanted = int(call, 0);
    let n = if wanted == 0 {
        LARGE_BYTES
    } else {
        wanted as usize
    };
    black_box(_alloca(n));
    Ok(get_flatbuffer_result_from_int(wanted))
}

#[inline(never)]
fn go_down(depth: i32) -> i32 {
    let mut frame = [0u8; 512];
    black_box(&mut frame);
    if depth == 0 {
        return 0;
    }
    black_box(go_down as fn(i32) -> i32)(depth - 1) + i32::from(black_box(frame)[0])
}

fn stack_overflow(call: &FunctionCall) -> Answer {
    let depth = int(call, 0);
    Ok(get_flatbuffer_result_from_int(depth + go_down(depth)))
}

fn infinite_recursion(_: &FunctionCall) -> Answer {
    loop {
        go_down(i32::MAX);
    }
}

/// Copies no more than fits, and says how much would have.
fn buffer_overrun(call: &FunctionCall) -> Answer {
    let text = string(call, 0);
    let mut buffer = [0u8; SHORT_BYTES];
    let n = text.len().min(SHORT_BYTES);
    buffer[..n].copy_from_slice(&text.as_bytes()[..n]);
    black_box(&buffer);
    Ok(get_flatbuffer_result_from_int((SHORT_BYTES - n) as i32))
}

/// The offset counts from the guard page under the stack.
fn write_raw_ptr(call: &FunctionCall) -> Answer {
    let guard = unsafe { hyperlight_guest::MIN_STACK_ADDRESS } - PAGE_BYTES;
    let place = guard.wrapping_add(long(call, 0) as u64);
    unsafe { write_volatile(place as usize as *mut u8, 0) };
    Ok(get_flatbuffer_result_from_string("success"))
}

// ---- Code where none should be ----

const NOP_AND_RETURN: [u8; 3] = [0x90, 0x90, 0xC3];

fn execute(code: *const u8) -> Answer {
    let function: extern "C" fn() = unsafe { core::mem::transmute(black_box(code)) };
    function();
    Ok(get_flatbuffer_result_from_string("executed"))
}

fn execute_on_stack(_: &FunctionCall) -> Answer {
    let code = NOP_AND_RETURN;
    execute(black_box(&code).as_ptr())
}

fn execute_on_heap(_: &FunctionCall) -> Answer {
    let code = Vec::from(NOP_AND_RETURN);
    execute(black_box(&code).as_ptr())
}

// ---- The heap ----

/// Keeps what it takes. Where there is no memory, Rust panics.
fn call_malloc(call: &FunctionCall) -> Answer {
    let n = int(call, 0);
    core::mem::forget(black_box(Vec::<u8>::with_capacity(n as usize)));
    Ok(get_flatbuffer_result_from_int(n))
}

fn malloc_and_free(call: &FunctionCall) -> Answer {
    let n = int(call, 0);
    drop(black_box(Vec::<u8>::with_capacity(n as usize)));
    Ok(get_flatbuffer_result_from_int(n))
}

/// The guest library's C allocator: without memory it aborts with MallocFailed.
fn test_hl_malloc(call: &FunctionCall) -> Answer {
    let n = int(call, 0);
    let memory = hlmalloc(n as usize) as *mut u8;
    unsafe { write_volatile(memory, 1) };
    hlfree(memory.cast());
    Ok(get_flatbuffer_result_from_int(n))
}

// ---- Ends ----

fn spin(_: &FunctionCall) -> Answer {
    loop {
        core::hint::spin_loop();
    }
}

fn guest_abort_with_code(call: &FunctionCall) -> Answer {
    abort_with_code(int(call, 0))
}

fn guest_abort_with_message(call: &FunctionCall) -> Answer {
    let text = CString::new(string(call, 1)).expect("a NUL in the text");
    unsafe { abort_with_code_and_message(int(call, 0), text.as_ptr()) }
}

fn guest_panic(call: &FunctionCall) -> Answer {
    panic!("{}", string(call, 0))
}

// ---- Names that nobody registered ----

const SECRET: &str = "ThisIsNotARealFunctionButTheNameIsImportant";

/// Sends a record and calls the host before it looks at its own call: both travel on the same
/// buffers as the call and its result, and must leave these alone.
#[no_mangle]
pub fn guest_dispatch_function(call: FunctionCall) -> Answer {
    send_record(
        LogLevel::Information,
        "a record above the call",
        module_path!(),
        "guest_dispatch_function",
        file!(),
        line!(),
    );
    ask_host("HostPrint", String::from("text above the call"))?;
    let has_none = call
        .parameters
        .as_ref()
        .map_or(true, |list| list.is_empty());
    if call.function_name != SECRET || !has_none {
        return failure(ErrorCode::GuestFunctionNotFound, call.function_name.clone());
    }
    Ok(get_flatbuffer_result_from_int(99))
}

#[no_mangle]
pub extern "C" fn hyperlight_main() {
    const PRINTED: [P; 11] = [
        P::String,
        P::Int,
        P::Long,
        P::String,
        P::String,
        P::Bool,
        P::Bool,
        P::String,
        P::Long,
        P::Int,
        P::Float,
    ];
    const PRINTERS: [&str; 10] = [
        "PrintTwoArgs",
        "PrintThreeArgs",
        "PrintFourArgs",
        "PrintFiveArgs",
        "PrintSixArgs",
        "PrintSevenArgs",
        "PrintEightArgs",
        "PrintNineArgs",
        "PrintTenArgs",
        "PrintElevenArgs",
    ];
    for (i, name) in PRINTERS.iter().enumerate() {
        register(name, print_args, R::Int, &PRINTED[..i + 2]);
    }
    register("SetStatic", set_static, R::Int, &[]);
    register("AddToStatic", add_to_static, R::Int, &[P::Int]);
    register("GetStatic", get_static, R::Int, &[]);
    register("Echo", echo, R::String, &[P::String]);
    register("EchoFloat", echo_float, R::Float, &[P::Float]);
    register("EchoDouble", echo_double, R::Double, &[P::Double]);
    register(
        "GetSizePrefixedBuffer",
        get_size_prefixed_buffer,
        R::VecBytes,
        &[P::VecBytes],
    );
    register(
        "SetByteArrayToZero",
        set_byte_array_to_zero,
        R::VecBytes,
        &[P::VecBytes],
    );
    register("Add", add, R::Int, &[P::Int, P::Int]);
    register(
        "ViolateSeccompFilters",
        violate_seccomp_filters,
        R::ULong,
        &[],
    );
    register(
        "PrintOutput",
        print_output_as_guest_function,
        R::Int,
        &[P::String],
    );
    register("PrintUsingPrintf", print_using_printf, R::Int, &[P::String]);
    register("LogMessage", log_message, R::Void, &[P::String, P::Int]);
    register("SmallVar", small_var, R::Int, &[]);
    register("LargeVar", large_var, R::Int, &[]);
    register("StackAllocate", stack_allocate, R::Int, &[P::Int]);
    register("StackOverflow", stack_overflow, R::Int, &[P::Int]);
    register("InfiniteRecursion", infinite_recursion, R::Void, &[]);
    register("BufferOverrun", buffer_overrun, R::Int, &[P::String]);
    register("test_write_raw_ptr", write_raw_ptr, R::String, &[P::Long]);
    register("ExecuteOnStack", execute_on_stack, R::String, &[]);
    register("ExecuteOnHeap", execute_on_heap, R::String, &[]);
    register("CallMalloc", call_malloc, R::Int, &[P::Int]);
    register("MallocAndFree", malloc_and_free, R::Int, &[P::Int]);
    register("TestHlMalloc", test_hl_malloc, R::Int, &[P::Int]);
    register("Spin", spin, R::Void, &[]);
    register(
        "GuestAbortWithCode",
        guest_abort_with_code,
        R::Void,
        &[P::Int],
    );
    register(
        "GuestAbortWithMessage",
        guest_abort_with_message,
        R::Void,
        &[P::Int, P::String],
    );
    register("guest_panic", guest_panic, R::Void, &[P::String]);
}
