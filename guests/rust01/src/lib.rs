// SPDX-License-Identifier: Apache-2.0
//! What the guests share: taking parameters, making results, calling the host.
#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use hyperlight_common::flatbuffer_wrappers::function_call::FunctionCall;
use hyperlight_common::flatbuffer_wrappers::function_types::{
    ParameterType, ParameterValue, ReturnType,
};
use hyperlight_common::flatbuffer_wrappers::guest_error::ErrorCode;
use hyperlight_common::flatbuffer_wrappers::util::get_flatbuffer_result_from_int;
use hyperlight_guest::error::{HyperlightGuestError, Result};
use hyperlight_guest::guest_function_definition::GuestFunctionDefinition;
use hyperlight_guest::guest_function_register::register_function;
use hyperlight_guest::host_function_call::{call_host_function, get_host_value_return_as_int};

/// What the guest library calls: a call in, a finished result message out.
pub type Answer = Result<Vec<u8>>;
pub type Function = fn(&FunctionCall) -> Answer;

/// Makes a function known to the guest library, which checks number and types of its arguments.
pub fn register(name: &str, function: Function, returns: ReturnType, params: &[ParameterType]) {
    register_function(GuestFunctionDefinition::new(
        String::from(name),
        Vec::from(params),
        returns,
        function as usize as i64,
    ));
}

pub fn failure<T>(code: ErrorCode, text: String) -> Result<T> {
    Err(HyperlightGuestError::new(code, text))
}

/// A parameter by its place; the guest library has checked that there is one, of that type.
fn parameter(call: &FunctionCall, place: usize) -> &ParameterValue {
    &call.parameters.as_ref().expect("no parameters")[place]
}

macro_rules! taker {
    ($name:ident, $variant:ident, $type:ty) => {
        pub fn $name(call: &FunctionCall, place: usize) -> $type {
            match parameter(call, place) {
                ParameterValue::$variant(value) => value.clone(),
                other => panic!("parameter {} is {:?}", place, other),
            }
        }
    };
}

taker!(int, Int, i32);
taker!(long, Long, i64);
taker!(float, Float, f32);
taker!(double, Double, f64);
taker!(boolean, Bool, bool);
taker!(string, String, String);
taker!(bytes, VecBytes, Vec<u8>);

/// Calls a host function that takes a text and returns an Int, and makes that the result.
pub fn ask_host(name: &str, text: String) -> Answer {
    call_host_function(
        name,
        Some(Vec::from([ParameterValue::String(text)])),
        ReturnType::Int,
    )?;
    Ok(get_flatbuffer_result_from_int(
        get_host_value_return_as_int()?,
    ))
}

/// The record's numbers of log levels: 0 nothing, 1 error, ... 5 trace.
pub fn level_of(number: i32) -> Result<Option<log::Level>> {
    match number {
        0 => Ok(None),
        1 => Ok(Some(log::Level::Error)),
        2 => Ok(Some(log::Level::Warn)),
        3 => Ok(Some(log::Level::Info)),
        4 => Ok(Some(log::Level::Debug)),
        5 => Ok(Some(log::Level::Trace)),
        _ => failure(
            ErrorCode::GuestError,
            alloc::format!("no log level has number {}", number),
        ),
    }
}
