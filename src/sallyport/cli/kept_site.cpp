#include <sallyport/cli/kept_site.hpp>

#include <exception>
#include <future>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/net/keep_running.hpp>

namespace sallyport::cli {
namespace {

/// The process has one shell at most.
kept_site* current = nullptr;

constexpr auto pause_at_end = std::chrono::milliseconds(5);

net::task<> run_and_tell(client::pool& connections, const site_work& work, std::promise<void>& ended) {
    try {
        co_await work(connections);
    } catch (...) {
        ended.set_exception(std::current_exception());
        co_return;
    }
    ended.set_value();
}

bool is_same_login(const client::url& kept, const client::url& other) {
    return kept.tls == other.tls && kept.host == other.host && kept.port == other.port && kept.user == other.user &&
           (!other.password || kept.password == other.password) && kept.ascii == other.ascii;
}

}  // namespace

result<std::unique_ptr<kept_site>> kept_site::make(const client::url& site, const client_options& options,
                                                   const std::optional<client::credentials>& login) {
    const auto chosen = options.for_site(site);
    if (!chosen) return std::unexpected(chosen.error());
    auto named = site;
    if (login) {
        named.user = login->user;
        named.password = login->password;
    }
    auto how = chosen->session(named);
    if (!how) return std::unexpected(std::move(how.error()));
    auto mapping = chosen->mapping();
    if (!mapping) return std::unexpected(std::move(mapping.error()));
    const auto prints = std::make_shared<std::atomic<bool>>(options.verbose);
    how->transcript = [prints](std::string_view line) {
        if (*prints) fmt::print(stderr, "{}\n", escape(line));
    };
    return std::unique_ptr<kept_site>(new kept_site(site, *chosen, std::move(*how), std::move(*mapping), prints));
}

kept_site::kept_site(const client::url& site, const client_options& options, client::options how,
                     reach::mapping_settings mapping, transcript_switch prints_transcript)
    : login_(how.login.value_or(client::login_of(site))),
      prints_transcript_(std::move(prints_transcript)),
      connections_(site, options, std::move(how), std::move(mapping), options.transfers.connections()),
      thread_([this] { connections_.loops.run(); }) {
    current = this;
}

kept_site::~kept_site() {
    current = nullptr;
    const site_work closing = [this](client::pool& /*all*/) { return close(); };
    run(closing);
    connections_.loops.stop();
    thread_.join();
    connections_.memory.learn(connections_.pool.learned());
}

kept_site* kept_site::of(const client::url& site) {
    return current != nullptr && is_same_login(current->connections().site(), site) ? current : nullptr;
}

kept_site* kept_site::any() { return current; }

void kept_site::run(const site_work& work) {
    std::promise<void> ended;
    auto& home = connections_.loops.at(0);
    home.post([&] {
        try {
            home.spawn("a command of the shell", run_and_tell(connections_.pool, work, ended));
        } catch (...) {
            ended.set_exception(std::current_exception());
        }
    });
    ended.get_future().get();
}

void kept_site::start(site_work work) {
    auto& home = connections_.loops.at(0);
    home.post(
        [this, &home, work = std::move(work)]() mutable { home.spawn("work of the shell", run_started(std::move(work))); });
}

net::task<> kept_site::run_started(site_work work) {
    ++started_;
    try {
        co_await work(connections_.pool);
    } catch (...) {
        net::log_exception("work of the shell", std::current_exception());
    }
    --started_;
}

net::task<> kept_site::close() {
    connections_.pool.interrupt();
    while (started_ > 0) co_await connections_.loops.at(0).sleep_for(pause_at_end);
    co_await connections_.pool.close();
}

}  // namespace sallyport::cli
