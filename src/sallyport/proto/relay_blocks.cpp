// The relay machine's MODE B behind (RFC 959 section 3.4.2): where a client moves one small file after the other and the
// backend speaks it, one data connection carries them all there. Each file then costs the backend's leg one command: no
// port, no connection, no handshake. In front every transfer has a connection of its own, as ever. Large files go as
// streams, which need not be looked at.

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::proto {
namespace {

constexpr std::uint64_t brief_file = 64UL * 1024;
// Brief files in a row that make more of them likely.
constexpr unsigned habit = 8;

[[nodiscard]] bool offers_blocks(const reply& features) {
    return features.code == 211 && std::ranges::any_of(features.lines, [](std::string_view line) {
               line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
               return iequals(line, "MODE B");
           });
}

}  // namespace

// ---- Whether

void relay_machine::count_file(const data_outcome& outcome) noexcept {
    if (outcome.end != data_end::complete) return;
    blocks_.brief = outcome.bytes <= brief_file ? blocks_.brief + 1 : 0;
}

/// By the time the next file is asked for the answer is here, as a rule.
void relay_machine::ask_for_blocks() {
    if (!settings_.blocks || blocks_.brief < habit || blocks_.known != blocks_state::backend::unknown) return;
    blocks_.known = blocks_state::backend::asked;
    send_backend({verb::feat, "FEAT", {}}, owed::features);
}

void relay_machine::on_features(const reply& r) {
    if (r.preliminary()) return;
    forget(0);
    blocks_.known = offers_blocks(r) ? blocks_state::backend::speaks_it : blocks_state::backend::does_not;
}

/// Before the backend is asked for a port.
void relay_machine::choose_mode(bool relayed) {
    if (blocks_.known != blocks_state::backend::speaks_it || blocks_.clients) return;
    say_mode(relayed && blocks_.brief >= habit ? transfer_mode::block : transfer_mode::stream);
}

void relay_machine::say_mode(transfer_mode wanted) {
    if (blocks_.mode == wanted) return;
    drop_standing();
    blocks_.mode.reset();
    const std::string letter = wanted == transfer_mode::block ? "B" : "S";
    send_backend({verb::mode, "MODE", letter}, owed::mode);
    pending_.back().text = letter;
}

void relay_machine::on_mode(const reply& r) {
    if (r.preliminary()) return;
    const bool block = pending_.front().text == "B";
    if (!r.positive()) blocks_.known = blocks_state::backend::does_not;
    blocks_.mode = block && r.positive() ? transfer_mode::block : transfer_mode::stream;
    forget(0);
}

/// Blocks are between us and the backend; any other mode is the client's business with it.
void relay_machine::mode(const command& cmd) {
    if (iequals(cmd.argument, "B")) return refuse(cmd, 504, "MODE B is not spoken here; the mode is unchanged.");
    drop_standing();
    say_mode(transfer_mode::stream);
    blocks_.clients = !iequals(cmd.argument, "S");
    pass(cmd);
}

// ---- The connection that stays

/// The client has a connection of its own, which begins and ends with the transfer (RFC 959 section 5.4).
reply relay_machine::in_front(reply r) {
    transfer_.stays = r.code == 250;
    if (r.code == 125) r.code = 150;
    if (r.code == 250) r.code = 226;
    return r;
}

bool relay_machine::give_up_standing() {
    if (stage_ != stage::open || channel_) return false;
    blocks_.stands = false;
    return true;
}

/// Another login begins anew.
void relay_machine::end_blocks() {
    drop_standing();
    if (blocks_.mode != transfer_mode::stream) blocks_.mode.reset();
    blocks_.brief = 0;
}

void relay_machine::drop_standing() {
    if (blocks_.stands) drop_data();
}

void relay_machine::drop_data() {
    blocks_.stands = false;
    actions_.emplace_back(relay_act::drop_data{});
}

}  // namespace sallyport::proto
