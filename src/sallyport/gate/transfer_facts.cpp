// What is told of a session and its transfer while they run, and of a transfer at its end, as one record (G12).

#include <algorithm>
#include <chrono>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/gate/session.hpp>

namespace sallyport::gate {

using status::transfer_end;

transfer_end end_of(const proto::data_outcome& outcome, bool too_late) {
    using proto::data_end;
    switch (outcome.end) {
        case data_end::complete: return transfer_end::complete;
        case data_end::aborted: return transfer_end::aborted;
        case data_end::backend_unreachable:
        case data_end::backend_failed: return too_late ? transfer_end::deadline : transfer_end::backend;
        case data_end::client_never_came:
        case data_end::client_not_bound:
        case data_end::client_failed: break;
    }
    return too_late ? transfer_end::deadline : transfer_end::client;
}

status::transfer_record data_path::record() const {
    status::transfer_record r;
    r.verb = proto::row_of(plan_.what).name;
    r.path = plan_.argument;
    r.upload = plan_.upload;
    r.front.data_tls = plan_.protect_client;
    r.front.method = name(plan_.asked);
    r.front.from = counts_.from_a;
    r.front.to = counts_.b_to_a;
    r.behind.data_tls = plan_.protect_backend;
    r.behind.method = name(plan_.behind);
    r.behind.from = counts_.from_b;
    r.behind.to = counts_.a_to_b;
    r.lasted = net::clock::now() - begun_;
    return r;
}

/// The data path is at its end; the client's final reply may still be to come.
void session::keep_record(const data_path& path, transfer_end end, std::string why) {
    if (!gate_->config.transfers || !record_owed_) return;
    record_ = path.record();
    record_->end = end;
    record_->why = std::move(why);
}

/// The client has its final reply to the transfer, or will get none (0).
void session::write_record(int reply) {
    const auto& log = gate_->config.transfers;
    if (!log || !record_owed_) return;
    // The server's word may be quicker than the data's end.
    if (!record_ && data_) keep_record(*data_, reply == 426 ? transfer_end::backend : transfer_end::refused, {});
    record_owed_ = false;
    if (!record_) return;
    auto r = std::move(*record_);
    record_.reset();
    if (r.end == transfer_end::complete && (reply < 200 || reply > 299)) r.end = transfer_end::refused;
    r.session = id_;
    r.user = machine_->user();
    r.client = client_.peer();
    r.backend = slot_ ? slot_.where().text() : std::string();
    r.front.control_tls = client_.is_tls();
    r.behind.control_tls = backend_.is_tls();
    r.reply = reply;
    log->write(std::move(r));
}

// ---- While it runs

void data_path::describe(status::session_report& into) const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    const auto age = duration_cast<milliseconds>(net::clock::now() - begun_);
    into.transfer = status::running_transfer{
        .verb = std::string(proto::row_of(plan_.what).name),
        .path = plan_.argument,
        .upload = plan_.upload,
        .method = std::string(name(plan_.asked)) + '/' + std::string(name(plan_.behind)),
        .bytes = plan_.upload ? counts_.a_to_b : counts_.b_to_a,
        .age = age,
    };
    const milliseconds left = std::max(milliseconds(0), milliseconds(gate_->config.data_connect) - age);
    if (port_ && !client_.is_open()) into.openings.push_back({false, port_.port(), terms_.client, left});
    if (port_behind_ && !backend_.is_open()) into.openings.push_back({true, port_behind_.port(), terms_.backend, left});
}

status::session_report session::describe() const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    const auto now = net::clock::now();
    status::session_report out;
    out.id = id_;
    out.client = client_.peer();
    if (machine_) {
        out.user = machine_->user();
        out.logged_in = machine_->logged_in();
    }
    if (slot_) out.backend = slot_.where().text();
    if (client_.is_tls()) out.tls = client_.tls().version;
    if (backend_.is_tls()) out.tls_behind = backend_.tls().version;
    out.age = duration_cast<milliseconds>(now - started_);
    if (data_)
        data_->describe(out);
    else
        out.idle = duration_cast<milliseconds>(now - activity_);
    if (port_) out.openings.push_back({false, port_.port(), client_.peer().address, std::nullopt});
    if (port_behind_) out.openings.push_back({true, port_behind_.port(), backend_.peer().address, std::nullopt});
    return out;
}

}  // namespace sallyport::gate
