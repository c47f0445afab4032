// The reports of a session: its state while it runs, and the record of each transfer (G12).

#include <sallyport/base/log.hpp>
#include <sallyport/frontend/login_text.hpp>
#include <sallyport/server/session.hpp>

namespace sallyport::server {
namespace {

using status::transfer_result;

[[nodiscard]] transfer_result result_of(const result<proto::transfer_outcome>& outcome, bool stopping, int reply) {
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

}  // namespace

void session::write_record(const result<proto::transfer_outcome>& outcome, int reply) const {
    const auto& t = *transfer_;
    status::transfer_record r;
    r.session = id();
    r.user = account_.name;
    r.client = control_.peer();
    r.verb = proto::row_of(t.request().command).name;
    r.path = t.request().path.text();
    r.cwd = t.cwd();
    r.upload = t.is_upload();
    r.client_leg.control_tls = control_.is_tls();
    r.client_leg.data_tls = t.is_protected();
    r.client_leg.method = method_of(t.request().data);
    auto& moved = r.client_leg.bytes.emplace();
    (r.upload ? moved.received : moved.sent) = t.bytes();
    r.duration = t.age();
    r.result = result_of(outcome, stopping_, reply);
    if (!outcome) r.reason = outcome.error().text();
    r.reply_code = reply;
    shared_->config.transfer_log->write(std::move(r));
}

/// DELE, RMD, MKD, RNTO.
void session::record_change(const proto::file_request& request, const result<proto::file_result>& answer) const {
    using proto::verb;
    const auto command = request.command;
    const bool change = command == verb::dele || command == verb::rmd || command == verb::mkd || command == verb::rnto;
    if (!change || !shared_->config.transfer_log) return;
    status::transfer_record r;
    r.transfer = false;
    r.session = id();
    r.user = account_.name;
    r.client = control_.peer();
    r.verb = proto::row_of(command).name;
    r.path = request.path.text();
    if (command == verb::rnto) r.renamed_from = request.from.text();
    r.cwd = machine_.directory().text();
    r.result = answer ? transfer_result::complete : transfer_result::refused;
    if (!answer) r.reason = answer.error().text();
    r.reply_code = machine_.last_reply();
    shared_->config.transfer_log->write(std::move(r));
}

void session::log_login(std::string_view user, std::string_view outcome) const {
    if (!log::enabled(log::level::info)) return;
    log(log::level::info,
        frontend::login_text(user, control_.peer(), control_.is_tls() ? control_.tls().version : std::string(), outcome));
}

status::session_report session::describe() const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    const auto now = net::clock::now();
    status::session_report out;
    out.id = id();
    out.client = control_.peer();
    out.user = account_.name;
    out.logged_in = machine_.logged_in();
    if (control_.is_tls()) out.client_tls = control_.tls().version;
    out.age = duration_cast<milliseconds>(now - started_at_);
    if (transfer_) {
        out.transfer = status::running_transfer{
            .verb = std::string(proto::row_of(transfer_->request().command).name),
            .path = transfer_->request().path.text(),
            .upload = transfer_->is_upload(),
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
