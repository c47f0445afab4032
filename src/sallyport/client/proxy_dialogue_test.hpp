#pragma once
// Runs a dialogue with a proxy whose answers are given, as the connection does. For tests; one thread.

#include <algorithm>
#include <string>
#include <string_view>

#include <sallyport/client/proxy.hpp>

namespace sallyport::client {

struct proxy_run {
    std::string sent;
    /// What is left of the answers: the server's.
    std::string rest;
    /// errc::closed if the answers end too early.
    result<void> end;
};

/// The answers arrive in pieces of at most `piece` bytes, and of no more than may be read.
template <class Dialogue>
[[nodiscard]] proxy_run run_dialogue(Dialogue with, std::string_view answers, std::size_t piece) {
    proxy_run out;
    auto step = with.advance({});
    for (;;) {
        if (!step) {
            out.end = std::unexpected(step.error());
            break;
        }
        out.sent += step->send;
        if (step->read == 0) break;
        const auto next = answers.substr(0, std::min(piece, step->read));
        if (next.empty()) {
            out.end = fail(errc::closed);
            break;
        }
        answers.remove_prefix(next.size());
        step = with.advance(next);
    }
    out.rest = answers;
    return out;
}

}  // namespace sallyport::client
