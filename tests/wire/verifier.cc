// SPDX-License-Identifier: Apache-2.0
// Asks the Verifier of FlatBuffers' C++ library about messages, for test_verifier.py: for each line
// "KIND BYTES", bytes as x and their hexadecimal, the answer is 1 or 0. A message ends where its
// prefix says.
#include "function_call_generated.h"
#include "function_call_result_generated.h"
#include "guest_error_generated.h"
#include "guest_log_data_generated.h"
#include "host_function_details_generated.h"

#include <cstring>
#include <iostream>
#include <string>
#include <vector>

using namespace Hyperlight::Generated;

template <typename Root> static bool verify(const std::vector<uint8_t> &message)
{
    flatbuffers::Verifier verifier(message.data(), message.size());
    return verifier.VerifySizePrefixedBuffer<Root>(nullptr);
}

static bool verify_kind(const std::string &kind, const std::vector<uint8_t> &message)
{
    if (kind == "call")
        return verify<FunctionCall>(message);
    if (kind == "result")
        return verify<FunctionCallResult>(message);
    if (kind == "error")
        return verify<GuestError>(message);
    if (kind == "log")
        return verify<GuestLogData>(message);
    return verify<HostFunctionDetails>(message);
}

static std::vector<uint8_t> decode(const std::string &text)
{
    std::vector<uint8_t> bytes;
    for (size_t at = 1; at + 2 <= text.size(); at += 2)
        bytes.push_back(static_cast<uint8_t>(std::stoul(text.substr(at, 2), nullptr, 16)));
    return bytes;
}

int main()
{
    std::string kind, text;
    while (std::cin >> kind >> text) {
        std::vector<uint8_t> message = decode(text);
        uint32_t prefix = 0;
        if (message.size() >= sizeof(prefix))
            std::memcpy(&prefix, message.data(), sizeof(prefix));
        if (prefix + size_t{4} < message.size())
            message.resize(prefix + size_t{4});
        std::cout << verify_kind(kind, message) << "\n";
    }
}
