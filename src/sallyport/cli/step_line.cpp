#include <sallyport/cli/step_line.hpp>

#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace sallyport::cli {
namespace {

constexpr auto between_looks = std::chrono::milliseconds(200);

}  // namespace

std::string step_text(const client::activity& current) {
    using client::step;
    switch (current.at) {
        case step::resolve: return "looking up the host";
        case step::connect: return "connecting";
        case step::greeting: return "waiting for the greeting";
        case step::tls: return "negotiating TLS";
        case step::login: return "logging in";
        case step::data:
            return current.method ? fmt::format("trying {}", name(*current.method)) : "opening a data connection";
        case step::request: return "waiting for a reply";
        case step::transfer:
        case step::local_file:
        case step::listing:
        case step::verification: break;
    }
    return {};
}

step_line::step_line(bool wanted) : wanted_(wanted && ::isatty(STDERR_FILENO) == 1) {}

void step_line::show(const std::optional<client::activity>& current) {
    if (!wanted_) return;
    const auto now = std::chrono::steady_clock::now();
    if (current != step_) since_ = now;
    step_ = current;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - since_).count();
    const auto text = current && seconds > 0 ? step_text(*current) : std::string();
    if (!text.empty())
        fmt::print(stderr, "\r{}, {} s\x1b[K", text, seconds);
    else if (is_drawn_)
        fmt::print(stderr, "\r\x1b[K");
    is_drawn_ = !text.empty();
    std::fflush(stderr);
}

void step_line::end() {
    show(std::nullopt);
    wanted_ = false;
}

net::task<> show_steps(net::loop& loop, std::weak_ptr<const client::session> of, step_line& shown) {
    while (shown.is_wanted()) {
        if (const auto session = of.lock()) shown.show(session->current());
        co_await loop.sleep_for(between_looks);
    }
}

}  // namespace sallyport::cli
