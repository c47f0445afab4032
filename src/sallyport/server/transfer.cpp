#include <sallyport/server/transfer.hpp>

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/helper_process.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/ports.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/reach/tls_data_connection.hpp>
#include <sallyport/server/session_records.hpp>

namespace sallyport::server {
namespace {

constexpr std::string_view no_connection = "No data connection: ";

/// The error if no data connection arrived (S7).
error data_timeout_error(const reach::port_reservation& port, std::chrono::seconds waited) {
    const std::vector<ip_address> others = port.unexpected_peers();
    if (others.empty())
        return {errc::timeout, 0,
                fmt::format("{}none arrived on port {} within {} s", no_connection, port.port(), waited.count())};
    std::vector<std::string> names;
    for (const ip_address& a : others) names.push_back(a.text());
    return {errc::timeout, 0,
            fmt::format("{}none arrived on port {} from your address; others came from {}", no_connection, port.port(),
                        fmt::join(names, ", "))};
}

/// The error if the client cannot be reached in active mode (S1, S7).
error connect_error(error e, const endpoint& target, std::chrono::seconds waited) {
    const char* hint = target.address.is_private() ? ". Behind NAT, use passive mode" : "";
    if (e.code == errc::refused)
        e.what = fmt::format("Cannot open the data connection to {}: connection refused{}", target.text(), hint);
    else if (e.code == errc::timeout)
        e.what = fmt::format("Cannot open the data connection to {}: timed out after {} s{}", target.text(), waited.count(),
                             hint);
    else
        e.what = fmt::format("Cannot open the data connection to {}: {}{}", target.text(), e.text(), hint);
    e.os = 0;
    // The connection has failed and not a file, whatever the system's error code is.
    if (e.code != errc::refused && e.code != errc::timeout && e.code != errc::cancelled) e.code = errc::unreachable;
    return e;
}

net::task<result<net::stream>> connect_from_low_port(const transfer_setup& setup, endpoint target, std::uint16_t port,
                                                     net::time_limit limit) {
    const auto helper = helper_of_this_process();
    if (port >= first_unprivileged_port || helper == nullptr) {
        const net::connect_options options{.bind_to = {setup.control_local.address, port}, .reuse_address = true};
        co_return co_await net::connect(setup.loop, target, options, limit);
    }
    auto socket = net::stream_socket(target.address);
    if (!socket) co_return std::unexpected(std::move(socket.error()));
    auto started = helper->connect_from_low_port(setup.control_socket, socket->get(), target);
    if (!started) co_return std::unexpected(std::move(started.error()));
    co_return co_await net::finish_connect(setup.loop, std::move(*socket), target, limit);
}

}  // namespace

transfer::transfer(transfer_setup setup, proto::transfer_request request, reach::port_reservation passive,
                   net::stream persistent_data)
    : setup_(std::move(setup)),
      request_(std::move(request)),
      passive_(std::move(passive)),
      persistent_data_(std::move(persistent_data)),
      stall_({.window = setup_.shared->config.stall_timeout, .bytes_per_second = setup_.shared->config.stall_rate}),
      disk_(setup_.shared->disk, setup_.loop, setup_.client, cancelled_) {
    status::count(setup_.shared->counters.transfers_running);
}

transfer::~transfer() { status::uncount(setup_.shared->counters.transfers_running); }

net::task<result<proto::transfer_outcome>> transfer::run() {
    result<proto::transfer_outcome> outcome = fail(errc::misuse);
    switch (proto::data_use_of(request_.command)) {
        case proto::data_use::download: outcome = co_await download(*this); break;
        case proto::data_use::upload: outcome = co_await upload(*this); break;
        case proto::data_use::listing: outcome = co_await send_listing(*this); break;
        // The machine starts no transfer for other commands.
        default: break;
    }
    if (!outcome && outcome.error().code == errc::timeout && stall_.stalled(net::clock::now()))
        outcome = fail(errc::timeout, "Transfer aborted: " + stall_.text());
    co_return outcome;
}

void transfer::end(result<proto::transfer_outcome>& outcome) {
    // A truncated download must not look complete to the client, so it is reset. An upload is closed without a reset, so
    // that the client reads the reply.
    if (!outcome && data_.is_open() && !is_upload()) data_.abort();
    if (outcome && is_block_mode()) persistent_data_ = std::move(data_);
    data_.close();
    passive_ = {};
    count_time(setup_.shared->counters, kind_of(*this), age());
    if (outcome) outcome->bytes = bytes_;
}

bool transfer::cancel(bool by_client) {
    if (committing_) return false;
    cancelled_ = true;
    if (passive_) passive_.cancel();
    if (data_.is_open()) data_.abort();
    persistent_data_.close();
    // Last, since there may be no memory for it.
    if (by_client && waiting_since_ && !connected_) report_failed_data(diagnosis::data_failure::abandoned);
    return true;
}

void transfer::report_failed_data(diagnosis::data_failure how, std::string detail) const {
    diagnosis::failed_data seen{
        .how = how, .peer = setup_.control_peer.address, .address = setup_.advertised, .detail = std::move(detail)};
    if (waiting_since_) seen.waited = frontend::waited_since(*waiting_since_);
    if (passive_) seen.others = passive_.unexpected_peers();
    if (const auto* passive = std::get_if<proto::passive_port>(&request_.data)) seen.method = passive->method;
    if (const auto* target = std::get_if<proto::data_target>(&request_.data)) {
        seen.method = target->method;
        seen.address = target->address;
    }
    log::warning(setup_.log_subject(), frontend::count_failed_data(setup_.shared->failed_data, seen));
}

bool transfer::start_commit() noexcept {
    if (cancelled_) return false;
    committing_ = true;
    return true;
}

void transfer::log(std::string_view text) const {
    if (log::enabled(log::level::info)) log::info(setup_.log_subject(), text);
}

/// For STOU the reply contains the name: RFC 1123 section 4.1.2.9.
std::string transfer::opening_text(const std::string& name, std::string text) const {
    return request_.command == proto::verb::stou ? "FILE: " + name : std::move(text);
}

net::task<result<void>> transfer::open_data(std::string name, std::string detail, reply_timing timing) {
    if (!reuses_data_connection()) co_return co_await establish_data(std::move(name), std::move(detail), timing);
    if (!persistent_data_.is_open() || persistent_data_.peer_has_finished()) {
        persistent_data_.close();
        co_return fail(errc::closed, "The data connection is closed: send EPSV or PASV to open a new one");
    }
    data_ = std::move(persistent_data_);
    connected_ = true;
    co_await setup_.owner.on_data_connected(opening_text(name, fmt::format("Transfer of {} starting{}.", name, detail)),
                                            timing);
    co_return result<void>();
}

net::task<result<void>> transfer::establish_data(std::string name, std::string detail, reply_timing timing) {
    const auto* target = std::get_if<proto::data_target>(&request_.data);
    requires_tls_session_reuse_ =
        shared().config.tls_reuse == net::tls_reuse::require || (passive_ && passive_.identified_by_tls());
    // Clients that are identified by TLS start it only after 150.
    const bool announced = passive_ && passive_.identified_by_tls();
    if (announced) {
        std::string text = fmt::format("Data connection expected on port {}; transfer starting{}.", passive_.port(), detail);
        co_await setup_.owner.on_data_connected(opening_text(name, std::move(text)), reply_timing::immediate);
    }
    const net::deadline until = setup_.owner.data_connection_deadline();
    waiting_since_ = net::clock::now();
    result<net::stream> made = fail(errc::misuse);
    if (target != nullptr)
        made = co_await connect_active(target->address, until);
    else
        made = co_await accept_passive(until);
    if (!made) co_return std::unexpected(made.error());
    if (cancelled_) co_return fail(errc::cancelled);
    data_ = std::move(*made);
    connected_ = true;
    std::string text;
    if (target != nullptr)
        text = fmt::format("Opening {} mode data connection for {}{}.", is_ascii() ? "ASCII" : "BINARY", name, detail);
    else
        text = fmt::format("Data connection accepted from {}; transfer starting{}.", data_.peer().text(), detail);
    if (log::enabled(log::level::info)) {
        log(target != nullptr
                ? fmt::format("Data connection to {} opened from port {}", data_.peer().text(), data_.local().port)
                : fmt::format("Data connection accepted from {}", data_.peer().text()));
    }
    if (!announced) co_await setup_.owner.on_data_connected(opening_text(name, std::move(text)), timing);
    if (!is_protected()) co_return result<void>();
    co_return co_await start_data_tls();
}

net::task<result<net::stream>> transfer::accept_passive(net::deadline until) {
    result<net::accepted_connection> connection = co_await passive_.wait({.total = until});
    if (!connection) {
        error reason = connection.error();
        if (reason.code == errc::timeout) {
            reason = data_timeout_error(passive_, shared().config.data_timeout);
            status::count(shared().counters.data_timeouts);
            report_failed_data(diagnosis::data_failure::not_arrived);
        } else if (reason.code != errc::cancelled) {
            log(fmt::format("Data connection failed: {}", escape(reason.text())));
        }
        passive_ = {};
        co_return std::unexpected(std::move(reason));
    }
    shared().counters.times.data_connections.add(passive_.arrived_after());
    // Under TLS, another connection may turn out to be the client's.
    if (!passive_.collects() || !is_protected()) passive_ = {};
    co_return net::stream(setup_.loop, std::move(connection->socket), connection->local, connection->peer);
}

/// `port`: the one below the control port.
net::task<result<net::stream>> transfer::connect_active(endpoint target, net::deadline until) {
    const net::time_limit limit{.total = until};
    const auto below = static_cast<std::uint16_t>(setup_.control_local.port - 1);
    // The control connection may be closed already, and the number of its descriptor in use for another one.
    if (cancelled_) co_return fail(errc::cancelled);
    result<net::stream> made = fail(errc::exhausted);
    if (shared().config.active_from_low_port && below != 0 && !shared().low_port_refused.load(std::memory_order_relaxed))
        made = co_await connect_from_low_port(setup_, target, below, limit);
    if (!made && frontend::is_bind_failure(made.error())) {
        // Without permission for low ports, none will ever work, but a port may be in use only temporarily.
        if (made.error().code == errc::permission && !shared().low_port_refused.exchange(true))
            log::warning({},
                         fmt::format("Active data connections do not use source port {}: {}; strict firewalls of clients "
                                     "may refuse them; grant CAP_NET_BIND_SERVICE to change this",
                                     below, made.error().text()));
        const net::connect_options options{.bind_to = {setup_.control_local.address, 0}};
        made = co_await net::connect(setup_.loop, target, options, limit);
    }
    if (made) co_return made;
    if (made.error().code != errc::cancelled) {
        status::count(shared().counters.active_connects_failed);
        report_failed_data(frontend::failure_of(made.error()), made.error().text());
    }
    co_return std::unexpected(connect_error(made.error(), target, shared().config.data_timeout));
}

net::task<result<void>> transfer::start_data_tls() {
    const auto reuse = shared().config.tls_reuse;
    // If TLS session reuse is required, the client needs a ticket from every connection, and must read it.
    const net::tls_accept_options options{.session_id_context = setup_.tls_session_context,
                                          .tickets = reuse == net::tls_reuse::require || !is_upload(),
                                          .resumption = reuse != net::tls_reuse::off,
                                          .allow_missing_close_notify = is_upload() && setup_.allow_missing_close_notify,
                                          .signatures = &shared().signatures};
    result<void> done;
    std::size_t others = 0;
    if (passive_) {
        const reach::tls_data_request request{.context = *shared().config.tls,
                                              .accept = options,
                                              .history = setup_.tls_history,
                                              .round_trip = setup_.round_trip,
                                              .timeout = limits::tls_handshake_timeout};
        result<reach::tls_data_connection> chosen = co_await reach::accept_tls_data(passive_, std::move(data_), request);
        passive_ = {};
        if (cancelled_) co_return fail(errc::cancelled);
        if (chosen) data_ = std::move(chosen->stream);
        if (chosen) others = chosen->others;
        if (!chosen) done = std::unexpected(std::move(chosen.error()));
    } else {
        const net::time_limit limit = net::time_limit::within(limits::tls_handshake_timeout);
        done = co_await data_.accept_tls(*shared().config.tls, options, limit);
        if (done && data_.tls().resumed) setup_.tls_history.resumed();
    }
    if (!done) {
        log(fmt::format("TLS on the data connection failed: {}", escape(done.error().text())));
        co_return done;
    }
    status::count(shared().counters.data_tls_handshakes);
    if (data_.tls().resumed) status::count(shared().counters.data_tls_resumed);
    if (others > 0) {
        status::count(shared().counters.unexpected_peers, others);
        log(fmt::format("Data connection from {} selected, {}; other connections from its address that were closed: {}",
                        data_.peer().text(),
                        data_.tls().resumed ? "which resumed the TLS session" : "as none resumed the TLS session", others));
    }
    if (!requires_tls_session_reuse_ || data_.tls().resumed) co_return done;
    report_failed_data(diagnosis::data_failure::not_resumed);
    co_return fail(errc::tls_not_resumed,
                   "TLS session not reused: the data connection must reuse the control connection's TLS session; enable "
                   "session reuse in "
                   "your client");
}

net::task<result<void>> transfer::send_blocks(std::string_view bytes, bool last) {
    std::string block;
    do {
        const std::string_view part = bytes.substr(0, proto::max_block_size);
        bytes.remove_prefix(part.size());
        end_sent_ = last && bytes.empty();
        const auto header = proto::block_header(part.size(), end_sent_);
        block.assign(header.begin(), header.end()).append(part);
        const result<void> done = co_await data_.write_all(block, progress_limit());
        if (!done) co_return done;
    } while (!bytes.empty());
    co_return result<void>();
}

net::task<result<void>> transfer::send(std::string_view bytes) {
    return is_block_mode() ? send_blocks(bytes, false) : data_.write_all(bytes, progress_limit());
}

net::task<result<void>> transfer::send_final(std::string_view bytes) {
    return is_block_mode() ? send_blocks(bytes, true) : data_.write_and_finish(bytes, progress_limit());
}

net::task<result<std::size_t>> transfer::receive(std::span<char> into, net::time_limit limit) {
    if (!is_block_mode()) co_return co_await data_.read_some(into, limit);
    while (!blocks_.finished()) {
        const result<std::size_t> got = co_await data_.read_some(into, limit);
        if (!got) co_return got;
        if (*got == 0) co_return fail(errc::truncated, "the data connection ended before the end of the file");
        const result<std::size_t> bytes = blocks_.unwrap(into.first(*got));
        if (!bytes || *bytes > 0) co_return bytes;
    }
    co_return std::size_t{0};
}

net::task<result<void>> transfer::finish_data() {
    if (is_block_mode()) {
        if (is_upload() || end_sent_) co_return result<void>();
        co_return co_await send_blocks({}, true);
    }
    // All bytes have been transferred. A peer that closed without waiting for close_notify has received all of them.
    if (data_.is_tls()) (void)co_await data_.shutdown_send(limits::tls_shutdown_timeout);
    net::close_gracefully(std::move(data_));
    co_return result<void>();
}

}  // namespace sallyport::server
