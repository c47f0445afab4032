// The coroutines of a session at the gateway. An exception that escapes from one of them ends the session, and all of them.

#include <cerrno>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/gate/session.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/sleep_briefly.hpp>

namespace sallyport::gate {

namespace outcome = proto::relay_outcome;
namespace {

// How many random ports are tried for a data connection that the kernel translates; with thousands of openings, one of ten
// is in use.
constexpr int opening_attempts = 5;

}  // namespace

net::task<> run_session(std::shared_ptr<session> self) {
    try {
        co_await self->run();
    } catch (...) {
        self->end_without_memory();
    }
}

net::task<> run_backend_leg(std::shared_ptr<session> self) {
    try {
        co_await self->read_backend();
    } catch (...) {
        self->end_without_memory();
    }
}

/// With kernel forwarding the port is advertised when the opening is in force; if the kernel refuses it, the data connection
/// is relayed. To a client that needs reach/curl_epsv_delay.hpp the port is advertised after that delay.
net::task<> advertise_later(std::shared_ptr<session> self, proto::leg leg, endpoint advertised,
                            std::optional<firewall::opening> opening) {
    try {
        bool forwarded = false;
        if (opening) {
            const auto limit = net::time_limit::within(limits::opening_timeout);
            const firewall::control_connections control{self->client_.stream().native_handle(),
                                                        self->server_.stream.native_handle()};
            auto got = co_await self->gate_->kernel_openings->open(self->loop_, std::move(*opening), control, limit);
            if (self->is_closing()) co_return;
            if (!got)
                self->log(
                    log::level::info,
                    fmt::format("Relaying the data connection; kernel forwarding is not possible: {}", got.error().text()));
            forwarded = got && self->data_.use_opening(leg, std::move(*got));
        } else {
            co_await net::sleep_briefly(self->loop_, self->curl_epsv_delay_.delay());
            if (self->is_closing()) co_return;
            self->curl_epsv_delay_.reply_sent(net::clock::now());
        }
        self->machine_->set_time(net::clock::now());
        self->machine_->report(outcome::port_reserved{advertised, forwarded});
        co_await self->advance();
    } catch (...) {
        self->end_without_memory();
    }
}

/// `to`: where the data connection goes, if it crosses this machine; otherwise it is relayed. The peer of the leg receives
/// the endpoint when the opening is in force. A random port may be in use by another session.
net::task<> advertise_crossing(std::shared_ptr<session> self, proto::leg leg, std::optional<endpoint> to) {
    try {
        const auto& openings = self->gate_->kernel_openings;
        const auto limit = net::time_limit::within(limits::opening_timeout);
        const firewall::control_connections controls{.client = self->client_.stream().native_handle(),
                                                     .backend = self->server_.stream.native_handle()};
        auto advertised = result<endpoint>(fail(errc::misuse));
        for (int i = 0; i < opening_attempts; ++i) {
            const auto wanted = self->data_.plan_crossing(leg, to, self->client_.stream(), self->server_.stream);
            if (!wanted) {
                advertised = std::unexpected(wanted.error());
                break;
            }
            advertised = wanted->listen;
            auto got = co_await openings->open(self->loop_, *wanted, controls, limit);
            if (self->is_closing()) co_return;
            if (got) {
                self->data_.use_crossing(leg, std::move(*got));
                break;
            }
            advertised = std::unexpected(got.error());
            if (got.error().os != EEXIST) break;
        }
        // Where the data of a session are relayed, its server is connected to.
        const bool tries_passive = !to && leg == proto::leg::backend;
        if (!advertised && !tries_passive) {
            status::count(self->gate_->counters.ports_exhausted);
            self->log(log::level::warning, fmt::format("No opening for the data connection: {}", advertised.error().text()));
        } else if (advertised && leg == proto::leg::client) {
            if (const auto delay = self->curl_epsv_delay_.delay(); delay > net::clock::duration::zero())
                co_await net::sleep_briefly(self->loop_, delay);
            if (self->is_closing()) co_return;
            self->curl_epsv_delay_.reply_sent(net::clock::now());
        }
        self->machine_->set_time(net::clock::now());
        self->machine_->report(outcome::port_reserved{advertised, advertised && to});
        co_await self->advance();
    } catch (...) {
        self->end_without_memory();
    }
}

net::task<> run_transfer(std::shared_ptr<session> self, std::shared_ptr<data_relay> relay) {
    proto::data_outcome data{proto::data_result::aborted, {}};
    try {
        data = co_await relay->run();
    } catch (...) {
        net::log_exception("gate: transfer", std::current_exception());
        relay->stop();
    }
    try {
        self->report_.relay_ended(*relay, data);
        if (self->data_.running() != relay) co_return;
        self->data_.relay_ended();
        self->machine_->set_time(net::clock::now());
        self->machine_->report(outcome::data_ended{data});
        co_await self->advance();
    } catch (...) {
        self->end_without_memory();
    }
}

net::task<> on_data_connected(std::shared_ptr<session> self, endpoint client) {
    try {
        self->machine_->report(outcome::data_connected{client});
        co_await self->advance();
    } catch (...) {
        self->end_without_memory();
    }
}

}  // namespace sallyport::gate
