#pragma once
// Runs the commands for files that need no data connection: CWD CDUP DELE RMD MKD SIZE MDTM MLST MFMT MFF SITE AVBL HASH
// STAT RNFR RNTO.
//
// Called on the session's loop, as a coroutine that owns its arguments; what `disk` refers to must outlive it.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/active_account.hpp>
#include <sallyport/server/disk_access.hpp>
#include <sallyport/server/lister.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

/// The lines of STAT with a path, in the format of LIST, piece by piece. Between two pieces, other work gets its turn on the
/// disk's threads. Owned by the coroutine that sends them; loop thread only, one call at a time. It ends early, with
/// errc::cancelled, if that is set in `disk`.
class status_listing {
public:
    status_listing(std::shared_ptr<session_context> shared, const disk_access& disk, const account_ptr& user_account,
                   proto::transfer_request listing);

    /// The next lines; empty at the end. Not called again after an error.
    net::task<result<std::string>> next();

private:
    net::task<result<std::string>> read();
    [[nodiscard]] std::size_t size_of_lines(std::string_view block);

    std::shared_ptr<session_context> shared_;
    disk_access disk_;
    lister source_;
    std::size_t slices_ = 0;
    std::size_t lines_ = 0;
    bool complete_ = false;
};

/// All but STAT. Queries are answered on the loop if the answer is cached in memory, otherwise on the pool. Changes are made
/// on the pool. `user` must outlive the coroutine.
net::task<result<proto::file_result>> run_file_command(std::shared_ptr<session_context> shared, disk_access disk,
                                                       active_account& user, proto::file_request request);

}  // namespace sallyport::server
