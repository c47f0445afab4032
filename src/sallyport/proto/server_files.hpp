#pragma once
// The commands for directories and files except transfers: CWD, CDUP, PWD, MKD, RMD, DELE, RNFR, RNTO, SIZE, MDTM, MLST,
// MFMT, MFF, SITE CHMOD, SITE UTIME, AVBL, HASH and its like, and STAT with a path (RFC 959, RFC 3659); and the paths in the
// argument of a listing.
//
// A value with the working directory of the session, owned by the server machine; one thread. The driver accesses the disk:
// a step is either a reply or a request for the driver.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/file_changes.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/proto/server_information.hpp>

namespace sallyport::proto {

class server_files {
public:
    using step = std::variant<reply, file_request>;

    /// `type` is needed for SIZE, and the range of RANG for HASH. REQUIRES: `c` is one of the commands above.
    [[nodiscard]] step start(const command& c, data_type type, const byte_range& range = {});
    /// MFMT, MFF, or SITE with one of the changes above.
    [[nodiscard]] step change(verb id, const std::expected<file_change, reply>& wanted);
    /// STAT with a path: lines of the listing follow. True the first time, when the reply's first line must be sent.
    [[nodiscard]] bool start_lines() noexcept { return !std::exchange(lines_started_, true); }
    static constexpr std::string_view status_follows = "Status follows:";
    /// The outcome of the request that was the last step.
    [[nodiscard]] step finish(const result<file_result>& outcome);
    /// Call it before each command: RNTO must directly follow RNFR.
    void note_command(verb id) noexcept;

    /// LIST, NLST, MLSD and STAT interpret their argument in the same way: as a name if such a file exists, otherwise as
    /// options and a pattern, as for ls.
    [[nodiscard]] std::expected<transfer_request, reply> listing(const command& c) const;

    [[nodiscard]] const virtual_path& directory() const noexcept { return directory_; }
    [[nodiscard]] const session_options& options() const noexcept { return options_; }
    void set_options(const session_options& options) noexcept { options_ = options; }

private:
    [[nodiscard]] step run_at_path(std::string_view name, file_request request);
    /// For an argument that may have another meaning, where a file that has it as its name has precedence.
    [[nodiscard]] step run_at_name(std::string_view name, file_request request, std::optional<file_request> otherwise);
    [[nodiscard]] step modification_time(const command& c);
    [[nodiscard]] step hash(const command& c, hash_algorithm algorithm);
    [[nodiscard]] step rename(const command& c);
    [[nodiscard]] step status(const command& c);
    [[nodiscard]] step run(file_request request);
    /// The last line of STAT with a path, or the whole reply if there were no lines.
    [[nodiscard]] reply end_of_status(const result<file_result>& outcome);
    [[nodiscard]] reply reply_to(const file_request& request, const file_result& answer);

    virtual_path directory_;
    session_options options_;
    // The path of an accepted RNFR.
    std::optional<virtual_path> rename_from_;
    file_request request_;
    bool lines_started_ = false;
    // If no file has the name in request_.
    std::optional<file_request> otherwise_;
};

}  // namespace sallyport::proto
