// SPDX-License-Identifier: Apache-2.0
//! The functions of Hyperlight 0.1's callbackguest, by the same names and with the same behaviour
//! (docs/guests.md): guests that call back into the host.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hyperlight_common::flatbuffer_wrappers::function_call::FunctionCall;
use hyperlight_common::flatbuffer_wrappers::function_types::{
    ParameterType as P, ParameterValue, ReturnType as R,
};
use hyperlight_common::flatbuffer_wrappers::guest_error::ErrorCode;
use hyperlight_common::flatbuffer_wrappers::util::get_flatbuffer_result_from_void;
use hyperlight_guest::host_function_call::{
    call_host_function, get_host_value_return_as_void, print_output_as_guest_function,
};
use hyperlight_guest::logging::log_message as send_record;
use rust01::*;

fn guest_method(call: &FunctionCall) -> Answer {
    ask_host(
        "HostMethod",
        format!("Hello from GuestFunction, {}", string(call, 0)),
    )
}

fn guest_method1(call: &FunctionCall) -> Answer {
    ask_host(
        "HostMethod1",
        format!("Hello from GuestFunction1, {}", string(call, 0)),
    )
}

fn guest_method2(call: &FunctionCall) -> Answer {
    ask_host(
        "HostMethod1",
        format!("Hello from GuestFunction2, {}", string(call, 0)),
    )
}

fn guest_method3(call: &FunctionCall) -> Answer {
    ask_host(
        "HostMethod1",
        format!("Hello from GuestFunction3, {}", string(call, 0)),
    )
}

fn guest_method4(_: &FunctionCall) -> Answer {
    let text = Vec::from([ParameterValue::String(String::from(
        "Hello from GuestFunction4",
    ))]);
    call_host_function("HostMethod4", Some(text), R::Void)?;
    get_host_value_return_as_void()?;
    Ok(get_flatbuffer_result_from_void())
}

/// Past the guest library's own filter: whatever the host wants, the record is sent.
fn log_message(call: &FunctionCall) -> Answer {
    if let Some(level) = level_of(int(call, 2))? {
        let (text, source) = (string(call, 0), string(call, 1));
        send_record(
            level.into(),
            &text,
            &source,
            "log_message",
            file!(),
            line!(),
        );
    }
    Ok(get_flatbuffer_result_from_void())
}

fn call_error_method(call: &FunctionCall) -> Answer {
    ask_host(
        "ErrorMethod",
        format!("Error From Host: {}", string(call, 0)),
    )
}

fn call_host_spin(_: &FunctionCall) -> Answer {
    call_host_function("Spin", None, R::Void)?;
    get_host_value_return_as_void()?;
    Ok(get_flatbuffer_result_from_void())
}

#[no_mangle]
pub fn guest_dispatch_function(call: FunctionCall) -> Answer {
    failure(ErrorCode::GuestFunctionNotFound, call.function_name.clone())
}

#[no_mangle]
pub extern "C" fn hyperlight_main() {
    register(
        "PrintOutput",
        print_output_as_guest_function,
        R::Int,
        &[P::String],
    );
    register("GuestMethod", guest_method, R::Int, &[P::String]);
    register("GuestMethod1", guest_method1, R::Int, &[P::String]);
    register("GuestMethod2", guest_method2, R::Int, &[P::String]);
    register("GuestMethod3", guest_method3, R::Int, &[P::String]);
    register("GuestMethod4", guest_method4, R::Void, &[]);
    register(
        "LogMessage",
        log_message,
        R::Void,
        &[P::String, P::String, P::Int],
    );
    register("CallErrorMethod", call_error_method, R::Int, &[P::String]);
    register("CallHostSpin", call_host_spin, R::Void, &[]);
}
