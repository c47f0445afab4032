// SIZE that is sent together with an upload, so that the size of the stored file costs no round trip; and commands whose
// replies do not matter.

#include <sallyport/proto/client_machine.hpp>

#include <utility>

namespace sallyport::proto {

void client_machine::send_later(verb command, std::string_view argument) {
    if (ended_ || step_ != step::idle) return;
    // If the argument is invalid, nothing is sent.
    static_cast<void>(channel_.send(row_of(command).name, argument, 0));
}

void client_machine::ask_for_size() {
    const auto& upload = transfer_.request;
    if (!upload.size_follows || !upload.prepare_next || upload.ascii || negotiation_.active()) return;
    if (refuses_to_prepare_ || size_.unknown_to_server) return;
    if (!channel_.send("SIZE", upload.path, 0)) return;
    size_.early_path = upload.path;
    size_.early.reset();
    ++size_.early_pending;
}

/// True if the reply is there, or on its way.
bool client_machine::use_early_size() {
    const bool is_it = !size_.early_path.empty() && size_.early_path == size_.path;
    size_.early_path.clear();
    if (!is_it || (!size_.early && size_.early_pending == 0)) return false;
    if (const auto answer = std::exchange(size_.early, std::nullopt)) {
        last_ = *answer;
        on_size(*answer);
        return true;
    }
    size_.awaits_early = true;
    step_ = step::size;
    ++turn_;
    return true;
}

void client_machine::on_early_size(const reply& r) {
    // An older one, of an upload that was refused.
    if (--size_.early_pending > 0) return;
    if (std::exchange(size_.awaits_early, false)) {
        last_ = r;
        return on_size(r);
    }
    // A server that answers while data move knows only a part of the file.
    const bool is_moving = step_ == step::request || (step_ == step::transferring && !transfer_.control_finished);
    if (is_moving)
        size_.early_path.clear();
    else
        size_.early = r;
}

}  // namespace sallyport::proto
