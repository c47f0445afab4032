#pragma once
// What a session reports of data connections that failed: a line for its log, and a count for `status`
// (S7). Functions on values; any thread.

#include <chrono>
#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/failed_data.hpp>
#include <sallyport/frontend/doctor_sessions.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/client_side/site_doctor.hpp>
#include <sallyport/reach/port_reservation.hpp>
#include <sallyport/status/failed_data_table.hpp>

namespace sallyport::frontend {

/// A passive port that the client has received, until a transfer uses it.
struct passive_offer {
    proto::data_method method = proto::data_method::epsv;
    endpoint advertised;
    // The peer of the control connection.
    ip_address client;
    net::deadline at = net::clock::now();
};

/// What a session keeps of its data connections for what follows.
struct data_history {
    explicit data_history(doctor_sessions& all) noexcept : doctor(all) {}

    // Of the passive port that is reserved.
    std::optional<passive_offer> offer;
    // What the last reply to PASV or EPSV advertised.
    std::optional<endpoint> advertised;
    // The client's end of the last data connection.
    std::optional<endpoint> last_peer;
    // What other sessions of this user may learn of it.
    doctor_sessions::entry doctor;
};

/// The client sends the next data method, or leaves, without a transfer. Nothing if a connection of the client has arrived,
/// or if this process does not accept it.
[[nodiscard]] std::optional<diagnosis::failed_data> abandoned(const std::optional<passive_offer>& offer,
                                                              const reach::port_reservation& port);

/// PORT or EPRT was refused. Nothing if it is no matter of a client behind NAT.
[[nodiscard]] std::optional<diagnosis::failed_data> refused(const std::optional<proto::data_request>& request,
                                                            const ip_address& client);

/// No passive port was reserved. Nothing if that is for another reason than that all are in use.
[[nodiscard]] std::optional<diagnosis::failed_data> no_port(proto::data_method method, const ip_address& client,
                                                            const error& why);

/// How a data connection failed that this host made: from the error of its connect.
[[nodiscard]] diagnosis::data_failure failure_of(const error& why) noexcept;
/// Whether the source address or port could not be bound, as opposed to a connection that could not be established.
[[nodiscard]] bool is_bind_failure(const error& why) noexcept;

/// For SITE DOCTOR: what has arrived at `port`, or, if it is empty, `last`, the client's end of the last data connection.
[[nodiscard]] proto::data_sources sources_at(const reach::port_reservation& port, const std::optional<endpoint>& last);

/// Counts the failure by its cause, and returns its line for the log.
[[nodiscard]] std::string count_failed_data(status::failed_data_table& counts, const diagnosis::failed_data& seen);

/// From `since` to now, for failed_data::waited.
[[nodiscard]] std::chrono::milliseconds waited_since(net::deadline since);

}  // namespace sallyport::frontend
