#include <sallyport/proto/command_sequences.hpp>

#include <utility>

#include <sallyport/proto/possible_reply.hpp>

namespace sallyport::proto {

void command_sequences::sent(verb id) noexcept {
    if (id == verb::rnfr || id == verb::rnto) renaming_ = id == verb::rnfr;
    const bool sets_offset = id == verb::rest || id == verb::rang;
    if (sets_offset || is_transfer(id)) has_offset_ = sets_offset;
}

std::vector<command> command_sequences::to_forget(verb refused, bool in_transfer) {
    std::vector<command> out;
    // RNTO without a name renames nothing, but ends the rename; ProFTPD refuses every other command after RNFR. During a
    // transfer the reply would be taken for the transfer's, so the next refused command does this.
    if (refused != verb::unknown && !in_transfer && std::exchange(renaming_, false)) out.push_back({verb::rnto, "RNTO", {}});
    if (is_transfer(refused) && std::exchange(has_offset_, false)) out.push_back({verb::rest, "REST", "0"});
    return out;
}

}  // namespace sallyport::proto
