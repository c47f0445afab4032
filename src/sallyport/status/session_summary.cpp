#include <sallyport/status/session_summary.hpp>

#include <string_view>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::status {

void add_transfer(session_summary& to, transfer_kind kind, bool complete, std::uint64_t bytes) noexcept {
    using enum transfer_kind;
    ++(!complete ? to.failed : kind == listing ? to.listings : kind == upload ? to.uploads : to.downloads);
    if (kind != listing) (kind == upload ? to.received : to.sent) += bytes;
}

void count_time(counters& into, transfer_kind kind, std::chrono::nanoseconds took) noexcept {
    using enum transfer_kind;
    auto& times = into.times;
    (kind == listing ? times.listings : kind == upload ? times.uploads : times.downloads).add(took);
}

std::string text_of(const session_summary& s) {
    const auto number = [](std::size_t n, std::string_view what) {
        return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
    };
    std::string out = fmt::format("{}: {}", s.client.address.text(), s.logged_in ? escape(s.user, 100) : "not logged in");
    if (s.tls) out += ", TLS";
    if (s.downloads > 0) out += fmt::format(", {} sent ({})", number(s.downloads, "file"), format_bytes(s.sent));
    if (s.uploads > 0) out += fmt::format(", {} received ({})", number(s.uploads, "file"), format_bytes(s.received));
    if (s.listings > 0) out += ", " + number(s.listings, "listing");
    if (s.failed > 0) out += ", " + number(s.failed, "failed transfer");
    return out + fmt::format(", {} s", s.duration.count() / 1000);
}

std::string text_of(session_end by) {
    switch (by) {
        case session_end::quit: return "by the client with QUIT";
        case session_end::client: return "by the client, which closed the connection";
        case session_end::administrator: return "by the administrator";
        case session_end::shutdown: return "by the shutdown of this service";
        case session_end::server: break;
    }
    return "by the server";
}

}  // namespace sallyport::status
