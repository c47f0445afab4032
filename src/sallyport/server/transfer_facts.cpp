// What is told of a session while it runs, and of a transfer at its end, as one record (G12).

#include <sallyport/base/log.hpp>
#include <sallyport/front/login_text.hpp>
#include <sallyport/server/session.hpp>

namespace sallyport::server {
namespace {

using status::transfer_end;

[[nodiscard]] transfer_end end_of(const result<proto::transfer_result>& outcome, bool stopping, int reply) {
    if (outcome) return transfer_end::complete;
    switch (outcome.error().code) {
        case errc::cancelled:
            if (stopping) return transfer_end::stopped;
            return reply == 0 ? transfer_end::client : transfer_end::aborted;
        case errc::timeout: return transfer_end::deadline;
        case errc::closed:
        case errc::reset:
        case errc::truncated:
        case errc::tls:
        case errc::tls_untrusted:
        case errc::tls_not_resumed:
        case errc::refused:
        case errc::unreachable: return transfer_end::client;
        default: return transfer_end::refused;
    }
}

[[nodiscard]] std::string method_of(const proto::data_setup& how) {
    if (const auto* active = std::get_if<proto::active_target>(&how)) return std::string(name(active->asked));
    if (const auto* passive = std::get_if<proto::passive_port>(&how)) return std::string(name(passive->asked));
    if (std::holds_alternative<proto::standing_connection>(how)) return "persistent";
    return "none";
}

}  // namespace

void session::write_record(const result<proto::transfer_result>& outcome, int reply) const {
    const auto& t = *transfer_;
    status::transfer_record r;
    r.session = id();
    r.user = who_.name;
    r.client = control_.peer();
    r.verb = proto::row_of(t.request().what).name;
    r.path = t.request().path.text();
    r.cwd = t.cwd();
    r.upload = t.receives();
    r.front.control_tls = control_.is_tls();
    r.front.data_tls = t.is_protected();
    r.front.method = method_of(t.request().data);
    auto& moved = r.front.bytes.emplace();
    (r.upload ? moved.from : moved.to) = t.bytes();
    r.lasted = t.age();
    r.end = end_of(outcome, stopping_, reply);
    if (!outcome) r.why = outcome.error().text();
    r.reply = reply;
    shared_->config.transfers->write(std::move(r));
}

/// DELE, RMD, MKD, RNTO.
void session::record_change(const proto::file_request& request, const result<proto::file_answer>& answer) const {
    using proto::verb;
    const auto what = request.what;
    const bool change = what == verb::dele || what == verb::rmd || what == verb::mkd || what == verb::rnto;
    if (!change || !shared_->config.transfers) return;
    status::transfer_record r;
    r.transfer = false;
    r.session = id();
    r.user = who_.name;
    r.client = control_.peer();
    r.verb = proto::row_of(what).name;
    r.path = request.path.text();
    if (what == verb::rnto) r.from = request.from.text();
    r.cwd = machine_.directory().text();
    r.end = answer ? transfer_end::complete : transfer_end::refused;
    if (!answer) r.why = answer.error().text();
    r.reply = machine_.last_reply();
    shared_->config.transfers->write(std::move(r));
}

void session::log_login(std::string_view user, std::string_view outcome) const {
    if (!log::enabled(log::level::info)) return;
    log(log::level::info,
        front::login_text(user, control_.peer(), control_.is_tls() ? control_.tls().version : std::string(), outcome));
}

status::session_report session::describe() const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    const auto now = net::clock::now();
    status::session_report out;
    out.id = id();
    out.client = control_.peer();
    out.user = who_.name;
    out.logged_in = machine_.logged_in();
    if (control_.is_tls()) out.client_tls = control_.tls().version;
    out.age = duration_cast<milliseconds>(now - began_);
    if (transfer_) {
        out.transfer = status::running_transfer{
            .verb = std::string(proto::row_of(transfer_->request().what).name),
            .path = transfer_->request().path.text(),
            .upload = transfer_->receives(),
            .client_method = method_of(transfer_->request().data),
            .bytes = transfer_->bytes(),
            .age = duration_cast<milliseconds>(transfer_->age()),
        };
    } else {
        out.idle = duration_cast<milliseconds>(now - machine_.last_activity());
    }
    if (passive_) out.openings.push_back({false, passive_.port(), control_.peer().address, std::nullopt});
    return out;
}

}  // namespace sallyport::server
