#include <sallyport/gate/health_check.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/gate/service.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/proto/client_machine.hpp>
#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::gate {
namespace {

namespace act = proto::client_act;

const proto::proxy_header nobody;                          // a check speaks for no client
constexpr auto farewell = std::chrono::milliseconds(500);  // for the answer to QUIT

/// Logs in and lists, over a connection that has been greeted. Lives in one coroutine's frame.
class visitor {
public:
    visitor(net::loop& home, const settings& config, const backend& where, backend_link& link, check_stage stage,
            net::deadline due)
        : home_(home),
          config_(config),
          where_(where),
          control_(link.stream),
          stage_(stage),
          due_(due),
          machine_(settings_for(link)) {
        std::string greeting;
        proto::append_reply(greeting, link.greeting);
        machine_.receive(greeting);
    }

    net::task<std::optional<backend_failure>> visit() {
        co_await carry_out();
        if (machine_.failure()) co_return failure(check_stage::login);
        if (stage_ < check_stage::list) co_return std::nullopt;
        machine_.begin_transfer({.what = proto::verb::list, .path = {}});
        co_await carry_out();
        if (data_failure_) co_return backend_failure{check_stage::list, *data_failure_};
        if (machine_.failure()) co_return failure(check_stage::list);
        co_return std::nullopt;
    }

private:
    [[nodiscard]] proto::client_settings settings_for(const backend_link& link) const {
        proto::client_settings s;
        s.local = link.stream.local();
        s.peer = link.stream.peer();
        s.tls_active = link.stream.is_tls();
        s.tls_required = where_.tls != backend_tls::none;
        s.user = config_.checks.user;
        s.password = config_.checks.password;
        s.methods = {proto::data_method::epsv, proto::data_method::pasv};  // as the gateway asks for its clients
        return s;
    }

    [[nodiscard]] backend_failure failure(check_stage at) const { return {at, machine_.failure()->cause}; }
    [[nodiscard]] net::time_limit limit(net::clock::duration at_most) const {
        return {at_most, std::min(due_, net::clock::now() + at_most)};
    }

    // Data move while nobody reads the control connection: what the server has to say can wait until they have ended.
    net::task<> carry_out() {
        for (;;) {
            const auto action = machine_.next();
            if (std::holds_alternative<act::done>(action)) co_return;
            if (const auto* read = std::get_if<act::read>(&action)) {
                co_await converse(limit(read->limit));
            } else if (const auto* connect = std::get_if<act::connect_data>(&action)) {
                auto opened = co_await net::connect(home_, connect->to, net::connect_options(), limit(connect->limit));
                auto ready = opened ? result<void>() : std::unexpected(opened.error());
                if (opened) {
                    data_ = std::move(*opened);
                    if (where_.proxy && where_.proxy_data) {
                        const auto header = proto::write_proxy_header(nobody, *where_.proxy);
                        ready = co_await data_.write_all(header, limit(connect->limit));
                    }
                }
                machine_.data_opened(ready);
            } else {
                if (const auto* move = std::get_if<act::move_data>(&action)) co_await drain(move->protect);
                data_.close();
                machine_.data_done();
            }
        }
    }

    net::task<> converse(net::time_limit limit) {
        if (!machine_.output().empty()) {
            const std::string out = machine_.output();
            machine_.output_sent();
            const auto sent = co_await control_.write_all(out, limit);
            if (!sent) co_return machine_.lost(sent.error());
        }
        std::array<char, 2048> block;
        const auto got = co_await control_.read_some(block, limit);
        if (got && *got > 0)
            machine_.receive({block.data(), *got});
        else
            machine_.lost(got ? error{errc::closed, 0, {}} : got.error());
    }

    /// A listing counts for its end, not for what it says.
    net::task<> drain(bool protect) {
        const net::time_limit until{.total = due_};
        if (protect) {
            const net::tls_connect_options as{.server_name = where_.tls_host(), .resume = control_.session()};
            const auto shaken = co_await data_.connect_tls(*config_.backend_tls, as, until);
            if (!shaken) data_failure_ = shaken.error();
        }
        std::array<char, 8192> block;
        while (!data_failure_) {
            const auto got = co_await data_.read_some(block, until);
            if (!got) data_failure_ = got.error();
            if (!got || *got == 0) break;
        }
        if (data_failure_)
            data_failure_->what =
                "the data connection" + std::string(data_failure_->what.empty() ? "" : ": ") + data_failure_->what;
    }

    net::loop& home_;
    const settings& config_;
    const backend& where_;
    net::stream& control_;
    check_stage stage_;
    net::deadline due_;
    proto::client_machine machine_;
    net::stream data_;
    std::optional<error> data_failure_;
};

/// So that a check is no error in the backend's log.
net::task<> say_goodbye(net::stream& to) {
    const auto limit = net::time_limit::within(farewell);
    std::array<char, 1024> unread;
    const auto sent = co_await to.write_all("QUIT\r\n", limit);
    auto got = result<std::size_t>(sent ? 1 : 0);
    while (got && *got > 0) got = co_await to.read_some(unread, limit);
}

}  // namespace

net::task<check_outcome> check_backend(net::loop& home, const settings& config, const backend& where, own_ends& own,
                                       check_stage stage) {
    const auto begun = net::clock::now();
    const auto whole = std::min<net::clock::duration>(config.checks.interval, limits::check);
    const auto limit = net::time_limit::within(std::min<net::clock::duration>(config.backend_connect, whole));
    const backend to = where.for_client(stage >= check_stage::tls);
    auto link = co_await reach_backend(home, to, nobody, config.backend_tls, config.keepalive, own, limit, stage);
    if (!link) co_return check_outcome{link.error()};
    check_outcome out{.failure = std::nullopt, .greeted_after = net::clock::now() - begun};
    if (stage == check_stage::tcp) co_return out;
    if (stage >= check_stage::login) {
        visitor guest(home, config, to, *link, stage, begun + whole);
        out.failure = co_await guest.visit();
    }
    co_await say_goodbye(link->stream);
    co_return out;
}

net::task<> look_at_start(std::shared_ptr<service> gate, net::loop& home) {
    for (const auto& [id, where] : gate->backends.list()) {
        if (where.terms.state == backend_state::maintenance) continue;
        const auto outcome = co_await check_backend(home, gate->config, where, gate->base->own, check_stage::greeting);
        if (!outcome.failure) continue;
        log::warning({}, fmt::format("Backend {} does not answer: {}; clients get 421 until it does", where.text(),
                                     outcome.failure->text()));
    }
}

struct health_checks::impl {
    explicit impl(net::loop& l) : home(l) {}
    static void follow(const std::shared_ptr<impl>& self);
    static net::task<> check(std::shared_ptr<impl> self, backend_id id, backend where);

    net::loop& home;
    std::shared_ptr<service> gate;          // the newest; loop thread
    std::map<backend_id, net::event> each;  // of the running coroutines: set where it should look up. Loop thread
    std::atomic<bool> started{false};
    std::atomic<bool> stopped{false};
};

void health_checks::impl::follow(const std::shared_ptr<impl>& self) {
    if (self->stopped) return;
    auto& backends = self->gate->backends;
    for (const auto& [id, where] : backends.list()) {
        if (!self->each.try_emplace(id, self->home).second) continue;
        self->home.spawn("gate: health check", check(self, id, where));
    }
    for (auto& [id, look_up] : self->each) {
        if (!backends.state(id)) look_up.set();
    }
}

net::task<> health_checks::impl::check(std::shared_ptr<impl> self, backend_id id, backend where) {
    auto& asked = self->each.at(id);
    while (!self->stopped) {
        const auto gate = self->gate;
        const auto& config = gate->config;
        const auto state = gate->backends.state(id);
        if (!state) break;
        const auto begun = net::clock::now();
        net::clock::duration pause = config.checks.interval;
        asked.clear();
        // In maintenance it may be switched off or half built; that is nobody's business.
        if (config.spread.check != check_stage::off && state != backend_state::maintenance) {
            const auto outcome = co_await check_backend(self->home, config, where, gate->base->own, config.spread.check);
            if (outcome.failure)
                gate->backend_failed(id, where, *outcome.failure);
            else
                gate->backend_answered(id, where, witness::check, outcome.greeted_after);
            if (outcome.failure && outcome.failure->cause.code == errc::login_refused)
                pause = std::max<net::clock::duration>(pause, limits::check_after_refused_login);
        }
        const bool hurried = co_await asked.wait(begun + pause);
        if (hurried && !self->stopped && gate->backends.state(id))
            co_await self->home.sleep_until(begun + std::min<net::clock::duration>(pause, limits::check_pause));
    }
    self->each.erase(id);
}

health_checks::health_checks(net::loop& home) : impl_(std::make_shared<impl>(home)) {}

void health_checks::start(std::shared_ptr<service> gate) {
    impl_->gate = std::move(gate);
    impl_->started = true;
    impl::follow(impl_);
}

void health_checks::follow() {
    if (!impl_->started || impl_->stopped) return;
    impl_->home.mail()->post([self = impl_] { impl::follow(self); });
}

void health_checks::hurry(backend_id id) {
    if (!impl_->started || impl_->stopped) return;
    impl_->home.mail()->post([self = impl_, id] {
        if (const auto found = self->each.find(id); found != self->each.end()) found->second.set();
    });
}

void health_checks::stop() {
    impl_->gate.reset();  // which holds these checks
    if (!impl_->started || impl_->stopped.exchange(true)) return;
    for (auto& [id, look_up] : impl_->each) look_up.set();
}

}  // namespace sallyport::gate
