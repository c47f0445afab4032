#pragma once
// The transfer parameters of a server session: TYPE, STRU, MODE, REST, RANG and ALLO (RFC 959, sections 4.1.2 and 4.1.3; RFC
// 3659, section 5; draft-bryan-ftp-range), and the transfer requests made with them.
//
// A value, owned by the server machine; one thread.

#include <cstdint>
#include <expected>
#include <optional>
#include <utility>

#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/hash_commands.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::proto {

class server_parameters {
public:
    [[nodiscard]] reply set_type(const command& c);
    [[nodiscard]] static reply set_structure(const command& c);
    [[nodiscard]] reply set_mode(const command& c);
    /// REST
    [[nodiscard]] reply set_offset(const command& c);
    /// RANG
    [[nodiscard]] reply set_range(const command& c);
    /// ALLO
    [[nodiscard]] reply set_allocation(const command& c);

    [[nodiscard]] data_type type() const noexcept { return type_; }
    [[nodiscard]] transfer_mode mode() const noexcept { return mode_; }

    /// RETR, STOR, APPE or STOU, which reset REST, RANG and ALLO. A reply refuses the transfer.
    [[nodiscard]] std::expected<transfer_request, reply> file_transfer(const command& c, const virtual_path& directory);
    /// The range of RANG for HASH, which resets it. A listing has none, and resets it too.
    byte_range release_range() noexcept { return std::exchange(range_, {}); }

private:
    data_type type_ = data_type::ascii;
    transfer_mode mode_ = transfer_mode::stream;
    byte_range range_{};
    std::optional<std::uint64_t> announced_;
};

}  // namespace sallyport::proto
