#include <sallyport/status/transfer_record.hpp>

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>

namespace sallyport::status {
namespace {

constexpr std::size_t max_path_text = 4096;

/// For example "2026-01-31T12:00:00.123Z".
std::string time_text(std::chrono::system_clock::time_point at) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : escape(text, max_path_text)) {
        if (c == '"')
            out += "\\x22";
        else
            out += c;
    }
    return out + '"';
}

class fields {
public:
    explicit fields(record_format format) : json_(format == record_format::json) {}

    void add(std::string_view key, std::string_view text) { put(key, json_ ? json_string(text) : in_quotes(text)); }
    /// Adds a word of this program, which needs no quotes.
    void add_word(std::string_view key, std::string_view word) { put(key, json_ ? json_string(word) : std::string(word)); }
    void add(std::string_view key, std::uint64_t number) { put(key, std::to_string(number)); }
    void add_seconds(std::string_view key, double seconds) { put(key, fmt::format("{:.3f}", seconds)); }

    [[nodiscard]] std::string line() && { return json_ ? '{' + out_ + '}' : std::move(out_); }

private:
    void put(std::string_view key, std::string_view value) {
        if (!out_.empty()) out_ += json_ ? ',' : ' ';
        out_ += json_ ? fmt::format("\"{}\":{}", key, value) : fmt::format("{}={}", key, value);
    }

    bool json_;
    std::string out_;
};

std::string_view protection(bool tls) { return tls ? "tls" : "plain"; }

void add_leg(fields& out, std::string_view leg_name, const leg_record& leg) {
    const auto key = [leg_name](std::string_view field) { return fmt::format("{}_{}", leg_name, field); };
    out.add_word(key("control"), protection(leg.control_tls));
    out.add_word(key("data"), protection(leg.data_tls));
    out.add_word(key("method"), leg.method);
    if (!leg.bytes) return;
    out.add(key("bytes_in"), leg.bytes->received);
    out.add(key("bytes_out"), leg.bytes->sent);
}

fields& add_result(fields& out, const transfer_record& r) {
    out.add_word("result", name(r.result));
    out.add("reply_code", static_cast<std::uint64_t>(r.reply_code));
    if (!r.reason.empty()) out.add("reason", r.reason);
    return out;
}

/// The time in the time zone of this machine, as both formats have it.
std::tm local_time(std::chrono::system_clock::time_point at) {
    const auto seconds = std::chrono::system_clock::to_time_t(at);
    std::tm out{};
    ::localtime_r(&seconds, &out);
    return out;
}

/// A field that ends at a space.
std::string word(std::string_view text) {
    auto out = escape(text, max_path_text);
    std::ranges::replace(out, ' ', '_');
    return out.empty() ? "-" : out;
}

bool is_anonymous(std::string_view user) { return user == "anonymous" || user == "ftp"; }

std::uint64_t bytes_of(const transfer_record& r) {
    const auto bytes = r.client_leg.bytes.value_or(byte_counts());
    return r.upload ? bytes.received : bytes.sent;
}

std::string xferlog_line(const transfer_record& r) {
    const bool deleted = r.verb == "DELE";
    if (is_listing(r) || !(r.transfer || deleted)) return {};
    const auto direction = deleted ? 'd' : r.upload ? 'i' : 'o';
    return fmt::format("{:%a %b %e %H:%M:%S %Y} {:.0f} {} {} {} {} _ {} {} {} ftp 0 * {}", local_time(r.ended_at),
                       std::max(r.duration.count(), 1.0), r.client.address.text(), bytes_of(r), word(r.path),
                       r.ascii ? 'a' : 'b', direction, is_anonymous(r.user) ? 'a' : 'r', word(r.user),
                       r.result == transfer_result::complete ? 'c' : 'i');
}

std::string common_line(const transfer_record& r) {
    const auto what = r.renamed_from.empty() ? r.path : r.renamed_from + " " + r.path;
    const auto bytes = r.transfer ? std::to_string(bytes_of(r)) : "-";
    return fmt::format("{} - {} [{:%d/%b/%Y:%H:%M:%S %z}] {} {} {}", r.client.address.text(), word(r.user),
                       local_time(r.ended_at), in_quotes(fmt::format("{} {}", r.verb, what)), r.reply_code, bytes);
}

}  // namespace

std::string_view name(transfer_result r) noexcept {
    constexpr auto names = std::to_array<std::string_view>(
        {"complete", "refused", "aborted", "client_failed", "backend_failed", "timeout", "stopped"});
    return names[static_cast<std::size_t>(r)];
}

bool is_listing(const transfer_record& r) noexcept { return r.verb == "LIST" || r.verb == "NLST" || r.verb == "MLSD"; }

std::string line_of(const transfer_record& r, record_format format) {
    if (format == record_format::xferlog) return xferlog_line(r);
    if (format == record_format::common) return common_line(r);
    fields out(format);
    out.add_word("time", time_text(r.ended_at));
    out.add_word("session", r.session);
    out.add("user", r.user);
    out.add_word("client", r.client.text());
    if (!r.backend.empty()) out.add_word("backend", r.backend);
    out.add_word("verb", r.verb);
    out.add("path", r.path);
    if (!r.renamed_from.empty()) out.add("from", r.renamed_from);
    out.add("cwd", r.cwd);
    if (!r.transfer) return std::move(add_result(out, r)).line();
    out.add_word("direction", r.upload ? "upload" : "download");
    if (!r.data_path.empty()) out.add_word("data_path", r.data_path);
    if (!r.data_path_reason.empty()) out.add_word("data_path_reason", r.data_path_reason);
    add_leg(out, "client", r.client_leg);
    if (!r.backend.empty()) add_leg(out, "backend", r.backend_leg);
    out.add_seconds("duration_seconds", r.duration.count());
    return std::move(add_result(out, r)).line();
}

}  // namespace sallyport::status
