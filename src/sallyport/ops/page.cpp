#include <sallyport/ops/page.hpp>

#include <chrono>
#include <utility>

#include <boost/json/serialize.hpp>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/ops/page/page_files.hpp>
#include <sallyport/ops/page_json.hpp>

namespace sallyport::ops {
namespace {

using namespace std::chrono_literals;

constexpr auto max_age = 1s;

// The browser may load from this program alone, runs no script in the text of the page, and shows it in no frame.
constexpr std::string_view protection =
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";

[[nodiscard]] std::optional<http_answer> file_at(std::string_view path) {
    if (path == "/") return http_answer{.body = std::string(page_html), .type = "text/html; charset=utf-8"};
    if (path == "/page.css") return http_answer{.body = std::string(page_css), .type = "text/css; charset=utf-8"};
    if (path == "/page.js") return http_answer{.body = std::string(page_js), .type = "text/javascript; charset=utf-8"};
    return std::nullopt;
}

[[nodiscard]] http_answer protect(http_answer a) {
    a.headers += protection;
    return a;
}

}  // namespace

page::page(net::loop& loop, net::worker_pool& pool, std::shared_ptr<status_source> from, password_check accepts)
    : loop_(loop),
      pool_(pool),
      from_(std::move(from)),
      access_(std::make_shared<page_access>(loop, pool, from_->service.sessions(), std::move(accepts))) {}

net::task<http_answer> page::answer(std::shared_ptr<page> self, http_request asked) {
    if (auto refused = refuse_origin(asked)) co_return protect(std::move(*refused));
    auto target = asked.target;
    auto refused = co_await page_access::refuse(self->access_, std::move(asked));
    if (refused) co_return protect(std::move(*refused));
    const auto path = std::string_view(target).substr(0, target.find('?'));
    if (auto file = file_at(path)) co_return protect(std::move(*file));
    if (path == "/status.json") {
        auto found = co_await answer_status(self, std::move(target));
        co_return protect(std::move(found));
    }
    co_return protect({.status = "404 Not Found", .body = "There is /, /metrics, /healthz and /readyz.\n"});
}

net::task<http_answer> page::answer_status(std::shared_ptr<page> self, std::string target) {
    const auto asked = query_of(target);
    if (!asked) co_return http_answer{.status = "400 Bad Request", .body = "This is not a path with a query.\n"};
    const auto sessions = co_await collect(self);
    auto now = snapshot_of(*self->from_);
    now.penalties = self->from_->service.sessions().list_login_penalties();
    auto rates = self->rates_.json();
    auto work = [&] {
        return boost::json::serialize(page_json(std::move(now), sessions->sessions, *asked, std::move(rates)));
    };
    auto text = co_await net::offload(self->pool_, self->loop_, std::move(work));
    co_return http_answer{.body = std::move(text), .type = "application/json"};
}

net::task<std::shared_ptr<const page::collected_sessions>> page::collect(std::shared_ptr<page> self) {
    const bool is_fresh = self->collected_ && net::clock::now() - self->collected_->at < max_age;
    if (is_fresh || (self->collected_ && self->is_collecting_)) co_return self->collected_;
    self->is_collecting_ = true;
    const at_exit ended([&self] { self->is_collecting_ = false; });
    auto found = co_await self->from_->service.collect_snapshot(self->loop_);
    self->collected_ = std::make_shared<const collected_sessions>(std::move(found), net::clock::now());
    co_return self->collected_;
}

net::task<> page::keep_rates(std::shared_ptr<page> self) {
    for (;;) {
        const auto found = co_await collect(self);
        self->rates_.add(status::totals_of(self->from_->counters.read(), found->sessions), found->at);
        co_await self->loop_.sleep_for(status::rate_history::interval);
    }
}

}  // namespace sallyport::ops
