// The coroutines of a session at the gateway. An exception that escapes from one of them ends the session, and all of them.

#include <exception>
#include <utility>

#include <sallyport/gate/session.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/sleep_briefly.hpp>

namespace sallyport::gate {

namespace outcome = proto::relay_outcome;

void end_without_memory(session& ended) noexcept {
    net::log_exception("gate: session", std::current_exception());
    if (!ended.to_client_.writing && !ended.passthrough_)
        ended.client_.close_with("421 Out of memory; connect again later.\r\n");
    try {
        ended.kill();
        ended.close_backend();
        ended.report_.cancelled(status::transfer_result::stopped, ended.owner());
    } catch (...) {
        net::log_exception("gate: session", std::current_exception());
    }
}

net::task<> run_session(std::shared_ptr<session> self) {
    try {
        co_await self->run();
    } catch (...) {
        end_without_memory(*self);
    }
}

net::task<> run_backend_leg(std::shared_ptr<session> self) {
    try {
        co_await self->read_backend();
    } catch (...) {
        end_without_memory(*self);
    }
}

/// Makes the opening of the client's port, if it needs one. Then the client receives the port, after the delay that some
/// clients need (reach/curl_epsv_delay.hpp).
net::task<> advertise(std::shared_ptr<session> self) {
    try {
        const auto opened = co_await self->data_.open(proto::leg::client, self->client_, self->server_);
        if (opened && !self->is_closing()) {
            if (const auto delay = self->curl_epsv_delay_.delay(); delay > net::clock::duration::zero())
                co_await net::sleep_briefly(self->loop_, delay);
            self->curl_epsv_delay_.reply_sent(net::clock::now());
        }
        if (self->is_closing()) co_return self->data_.abort();
        self->machine_->set_time(net::clock::now());
        self->machine_->report(outcome::port_reserved{advertised_by(opened), opened && opened->forwarded});
        co_await self->advance();
    } catch (...) {
        end_without_memory(*self);
    }
}

/// Makes the opening of a port that the backend knows already, if it needs one.
net::task<> open_backend_port(std::shared_ptr<session> self) {
    using enum proto::opening_result;
    try {
        const auto opened = co_await self->data_.open(proto::leg::backend, self->client_, self->server_);
        if (self->is_closing()) co_return self->data_.abort();
        self->machine_->set_time(net::clock::now());
        self->machine_->report(outcome::port_opened{!opened ? closed : opened->forwarded ? forwarded : accepted});
        co_await self->advance();
    } catch (...) {
        end_without_memory(*self);
    }
}

/// Makes the opening of a transfer once more. The backend gets the command after that.
net::task<> renew_opening(std::shared_ptr<session> self) {
    try {
        auto failed = co_await self->data_.renew(self->client_, self->server_);
        self->to_backend_.held = false;
        if (self->is_closing()) co_return self->data_.abort();
        self->machine_->set_time(net::clock::now());
        if (failed) {
            self->report_.path_failed(*failed);
            self->machine_->report(outcome::data_ended{std::move(failed->outcome)});
        }
        co_await self->advance();
    } catch (...) {
        end_without_memory(*self);
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
        self->report_.relay_ended(*relay, data, self->ending_.stopping);
        if (self->data_.running() != relay) co_return;
        self->data_.relay_ended();
        self->machine_->set_time(net::clock::now());
        self->machine_->report(outcome::data_ended{data});
        co_await self->advance();
    } catch (...) {
        end_without_memory(*self);
    }
}

net::task<> on_data_connected(std::shared_ptr<session> self, endpoint client) {
    try {
        if (client.port != 0) self->data_.set_client_peer(client);
        self->machine_->report(outcome::data_connected{client});
        co_await self->advance();
    } catch (...) {
        end_without_memory(*self);
    }
}

}  // namespace sallyport::gate
