#pragma once
// The one place that decides whether an account may use a command with a path. Every command that names a file asks it,
// and listings ask it for each name. Pure functions; any thread.
//
// A hidden name does not exist for the account: errc::not_found, or errc::name_invalid where it would be created. Everything
// else that is refused is errc::permission, with the right that the account lacks. Names are compared in normalized paths
// only, so that "/./" and ".." hide nothing (FS-01). Links are compared by their own name, not by that of their target.

#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/server/account.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

/// The rights of the longest entry that contains the path.
[[nodiscard]] right_set rights_at(const account& user, const virtual_path& path) noexcept;

/// For listings: a name within a directory that the account may list.
[[nodiscard]] bool is_hidden(const account& user, std::string_view name) noexcept;

/// CWD CDUP SIZE MDTM MLST MFMT MFF SITE AVBL HASH XCRC (and its like) DELE RMD MKD RNFR STAT LIST NLST MLSD RETR STOR APPE
/// STOU. For uploads and RNTO, the functions below say more.
[[nodiscard]] result<void> check_access(const account& user, proto::verb command, const virtual_path& path);

/// How an upload may treat an existing file.
struct upload_access {
    vfs::store_mode mode = vfs::store_mode::create_only;
    // The account may not create files.
    bool must_exist = false;
};
/// STOR, APPE and STOU. `offset` is that of REST.
[[nodiscard]] result<upload_access> check_upload(const account& user, proto::verb command, const virtual_path& path,
                                                 std::uint64_t offset);

/// RNTO. A file can't be moved to where the account has more rights, and no directory whose paths have rights of their own.
[[nodiscard]] result<vfs::existing_target> check_rename(const account& user, const virtual_path& from,
                                                        const virtual_path& to);

/// The fact "perm" of MLSD and MLST (RFC 3659, section 7.5.5).
[[nodiscard]] std::string permissions_of(const account& user, const virtual_path& path, vfs::file_type type);

/// Whether all paths of a directory have the same permissions_of(), by their type.
[[nodiscard]] bool has_uniform_permissions(const account& user) noexcept;

}  // namespace sallyport::server
