#pragma once
// What one session of a run shows, as facts. Functions on values and finished calls of a connection; the thread of its loop.

#include <optional>
#include <vector>

#include <sallyport/client/connection.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::doctor {

/// The steps of open(), the last of which may have failed.
[[nodiscard]] std::vector<diagnosis::phase> phases_of(const client::connection& session,
                                                      const std::optional<proto::client_failure>& failure,
                                                      const std::vector<ip_address>& addresses);

/// The transfer that has just finished, with one method.
[[nodiscard]] diagnosis::method_facts facts_of_attempt(const client::connection& session, proto::data_method method,
                                                       bool tls, const std::optional<proto::client_failure>& failure);

/// Adds the result of a connection to the other one of the two addresses of a 227 (method_facts::other_address).
void set_other_address(diagnosis::method_facts& m, diagnosis::method_result other);

/// The result of a TCP connection that failed.
[[nodiscard]] diagnosis::method_result result_of_connect(const error& why);

/// The data connection failed on its way, to an address of the server.
[[nodiscard]] bool can_be_traced(const diagnosis::method_facts& m) noexcept;

}  // namespace sallyport::doctor
