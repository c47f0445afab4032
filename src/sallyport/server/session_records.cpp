#include <sallyport/server/session_records.hpp>

#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/server/write_refusal.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::server {
namespace {

using status::transfer_result;

[[nodiscard]] transfer_result end_of(const result<proto::transfer_outcome>& outcome, bool stopping, int reply) {
    if (outcome) return transfer_result::complete;
    switch (outcome.error().code) {
        case errc::cancelled:
            if (stopping) return transfer_result::stopped;
            return reply == 0 ? transfer_result::client_failed : transfer_result::aborted;
        case errc::timeout: return transfer_result::timeout;
        case errc::closed:
        case errc::reset:
        case errc::truncated:
        case errc::tls:
        case errc::tls_untrusted:
        case errc::tls_not_resumed:
        case errc::refused:
        case errc::unreachable: return transfer_result::client_failed;
        default: return transfer_result::refused;
    }
}

[[nodiscard]] std::string method_of(const proto::data_setup& how) {
    if (const auto* active = std::get_if<proto::data_target>(&how)) return std::string(name(active->method));
    if (const auto* passive = std::get_if<proto::passive_port>(&how)) return std::string(name(passive->method));
    if (std::holds_alternative<proto::persistent_data>(how)) return "persistent";
    return "none";
}

[[nodiscard]] status::transfer_record record_of(record_owner owner, proto::verb what) {
    status::transfer_record out;
    out.session = std::move(owner.session);
    out.user = std::move(owner.user);
    out.client = owner.client;
    out.verb = proto::row_of(what).name;
    return out;
}

}  // namespace

std::string transfer_text(const transfer& t, const result<proto::transfer_outcome>& outcome) {
    const proto::transfer_request& request = t.request();
    const double seconds = std::chrono::duration<double>(t.age()).count();
    std::string out = fmt::format("{} {}: {} in {:.3f} s", proto::row_of(request.command).name, escape(request.path.text()),
                                  status::format_bytes(t.bytes()), seconds);
    // The size that ALLO announces is advice (RFC 959 section 4.1.3). With REST some clients mean the whole file by it, and
    // some what is left to send.
    if (t.is_upload() && request.announced && *request.announced != t.bytes() &&
        *request.announced != request.offset + t.bytes())
        out += fmt::format("; ALLO had announced {} bytes", *request.announced);
    if (outcome) return out;
    out += fmt::format(", failed: {}", escape(outcome.error().text()));
    if (t.is_upload() && is_refused_to_process(outcome.error()))
        out +=
            fmt::format(", which is user ID {}: change the owner (chown), or name another user with --run-as", ::geteuid());
    return out;
}

status::transfer_record transfer_record_of(const transfer& t, const result<proto::transfer_outcome>& outcome,
                                           record_owner owner, bool stopping, int reply) {
    const bool control_tls = owner.control_tls;
    auto out = record_of(std::move(owner), t.request().command);
    out.path = t.request().path.text();
    out.cwd = t.cwd();
    out.upload = t.is_upload();
    out.ascii = t.request().type == proto::data_type::ascii;
    out.client_leg.control_tls = control_tls;
    out.client_leg.data_tls = t.is_protected();
    out.client_leg.method = method_of(t.request().data);
    auto& moved = out.client_leg.bytes.emplace();
    (out.upload ? moved.received : moved.sent) = t.bytes();
    out.duration = t.age();
    out.result = end_of(outcome, stopping, reply);
    if (!outcome) out.reason = outcome.error().text();
    out.reply_code = reply;
    return out;
}

bool is_recorded(proto::verb what) noexcept {
    using proto::verb;
    return what == verb::dele || what == verb::rmd || what == verb::mkd || what == verb::rnto;
}

status::transfer_record change_record_of(const proto::file_request& request, const result<proto::file_result>& answer,
                                         record_owner owner, std::string directory, int reply) {
    auto out = record_of(std::move(owner), request.command);
    out.transfer = false;
    out.path = request.path.text();
    if (request.command == proto::verb::rnto) out.renamed_from = request.from.text();
    out.cwd = std::move(directory);
    out.result = answer ? transfer_result::complete : transfer_result::refused;
    if (!answer) out.reason = answer.error().text();
    out.reply_code = reply;
    return out;
}

status::running_transfer running_transfer_of(const transfer& t) {
    return {
        .verb = std::string(proto::row_of(t.request().command).name),
        .path = t.request().path.text(),
        .upload = t.is_upload(),
        .client_method = method_of(t.request().data),
        .bytes = t.bytes(),
        .age = std::chrono::duration_cast<std::chrono::milliseconds>(t.age()),
    };
}

status::transfer_kind kind_of(const transfer& t) noexcept {
    if (t.request().command == proto::verb::retr) return status::transfer_kind::download;
    return t.is_upload() ? status::transfer_kind::upload : status::transfer_kind::listing;
}

std::string tls_text(const result<void>& handshake, const net::stream& control) {
    if (!handshake) return fmt::format("TLS failed: {}", escape(handshake.error().text()));
    return fmt::format("{}, {}", control.tls().version, control.tls().cipher);
}

std::string_view reply_text_of(status::session_end by) noexcept {
    return by == status::session_end::administrator ? "The administrator has ended this session."
                                                    : "The service is shutting down; connect again later.";
}

std::string end_text(status::session_end by, int reply, status::session_summary of, const status::session_report& at_end) {
    of.client = at_end.client;
    of.user = at_end.user;
    of.logged_in = at_end.logged_in;
    of.tls = !at_end.client_tls.empty();
    of.duration = at_end.age;
    const auto with_reply = by == status::session_end::server ? fmt::format(" with {}", reply) : std::string();
    return fmt::format("Session ended {}{}; {}", text_of(by), with_reply, text_of(of));
}

}  // namespace sallyport::server
