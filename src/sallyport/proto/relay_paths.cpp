// What a relay machine keeps from the client or finds out for the records: addresses of the backend leg, and paths.

#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/relay_machine.hpp>

namespace sallyport::proto {

/// Not in replies whose lines are names or facts of files: there the text is the file's, whatever it looks like. A 227 or
/// 229 is read, never passed on as it is.
void relay_machine::hide_inside(reply& r, const pending_reply* asked) const {
    const bool opening = asked != nullptr && asked->kind == reply_kind::transfer && r.preliminary();
    if (opening || (r.code >= 227 && r.code <= 229)) return;
    const auto id = asked != nullptr ? asked->id : verb::unknown;
    const bool names = id == verb::pwd || id == verb::mkd || id == verb::mlst || (id == verb::stat && !asked->text.empty());
    if (!names && !r.text().starts_with("FILE: ")) inside_.hide(r);
}

/// A transfer's 1xx. Some name the other end of the data connection, which for the client is its own.
void relay_machine::deliver_opening(reply r) {
    if (!r.text().starts_with("FILE: ")) inside_.hide(r, transfer_.client);
    deliver(r);
}

/// Before the first command whose path depends on it. The reply comes ahead of that command's and costs the client no wait.
void relay_machine::query_directory(const command& cmd) {
    const auto use = data_use_of(cmd.id);
    const bool depends = names_path(cmd.id) || use == data_use::passive || use == data_use::active;
    if (!settings_.query_directory || !logged_in_ || !depends || paths_.directory.is_known() || paths_.pwd_sent) return;
    paths_.pwd_sent = true;
    send_backend({verb::pwd, "PWD", {}}, reply_kind::directory);
}

void relay_machine::input_ended() { input_ended_ = true; }

/// The client's last command is answered, and it can't send another one.
void relay_machine::say_goodbye() {
    if (has_backend_) send_backend({verb::quit, "QUIT", {}}, reply_kind::discarded);
    std::string line;
    append_reply(line, 221, replies::goodbye);
    emit(line);
    end_session({});
}

}  // namespace sallyport::proto
