#pragma once
// The same session in two files: two captures, or a capture or a client's transcript and a server's log. It is found by
// addresses and times, and both together show what one end alone cannot ('doctor read FILE FILE').
//
// Pure functions on values; any thread.

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

/// The sessions that both files have, as indexes into the one and the other. Each session is in one pair at most.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> same_sessions(std::span<const facts> one,
                                                                             std::span<const facts> other);

/// Whether the second one was recorded at the server, or nearer to it.
[[nodiscard]] bool is_nearer_to_server(const facts& one, const facts& other) noexcept;

/// Adds what the server's end has negotiated to each attempt of the client (method_facts::seen_by_server).
void add_server_view(facts& client, const facts& server);

/// The causes that both show. REQUIRES: add_server_view() was called.
[[nodiscard]] std::vector<verdict> judge_both(const facts& client, const facts& server);

}  // namespace sallyport::diagnosis
