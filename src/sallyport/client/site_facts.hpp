#pragma once
// What a client has found out about a server, so that it need not find it out again: which data method works, whether
// pipelining does, how many connections the server has room for. A value and pure functions; any thread. Errors: none; facts
// that are no longer true cost the time that they were to save, and are corrected.

#include <cstddef>
#include <optional>
#include <vector>

#include <sallyport/proto/client_settings.hpp>

namespace sallyport::client {

struct site_facts {
    /// The data method that worked last.
    std::optional<proto::data_method> method;
    /// The server answers pipelined commands in disorder, or ends such sessions.
    bool fails_pipelining = false;
    /// The server had no room for more connections than these; nothing if it had room for all that were wanted.
    std::optional<std::size_t> connections;
    friend bool operator==(const site_facts&, const site_facts&) = default;
};

/// `methods` with `first` at the beginning, if it is one of them.
[[nodiscard]] std::vector<proto::data_method> with_first(std::vector<proto::data_method> methods,
                                                         std::optional<proto::data_method> first);

/// What is known of the method after these attempts: the one that worked, or nothing if the known one has failed.
[[nodiscard]] std::optional<proto::data_method> method_after(std::optional<proto::data_method> known,
                                                             const std::vector<proto::data_attempt>& attempts);

}  // namespace sallyport::client
