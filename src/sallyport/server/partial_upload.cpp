#include <sallyport/server/partial_upload.hpp>

#include <string>

namespace sallyport::server {

std::optional<virtual_path> partial_path(const account& user, proto::verb command, std::uint64_t offset,
                                         const virtual_path& path) {
    auto part = path.parent().resolve(std::string(path.name()) + ".partial");
    // The name may be denied, or hidden.
    if (part && !check_upload(user, command, *part, offset)) part.reset();
    return part;
}

result<std::unique_ptr<vfs::store_file>> open_part(vfs::filesystem& files, const virtual_path& part,
                                                   const virtual_path& path, upload_access access,
                                                   const proto::transfer_request& request) {
    if (request.command == proto::verb::stou) return nullptr;
    const auto old = files.stat(path, vfs::may_block::yes);
    if (old) return nullptr;
    if (old.error().code != errc::not_found) return std::unexpected(old.error());
    const bool appends = request.command == proto::verb::appe;
    if (request.type == proto::data_type::ascii) {
        if (!appends || !files.part_size(part)) return nullptr;
        // It would be taken for the whole file.
        return fail(errc::unsupported, path.text() + ": only an upload in TYPE I can continue its part");
    }
    // Without the right to overwrite, nothing of another upload is dropped.
    if (access.mode == vfs::store_mode::create_only && files.stat(part, vfs::may_block::yes)) return nullptr;
    const bool replaces = access.mode == vfs::store_mode::replace;
    auto opened = files.open_part(part, path, appends ? std::nullopt : std::optional(request.offset),
                                  replaces ? vfs::existing_target::replace : vfs::existing_target::keep);
    const bool is_unusable = !opened && (opened.error().code == errc::not_a_file || opened.error().code == errc::permission);
    if (is_unusable) return nullptr;
    return opened;
}

result<std::uint64_t> part_size(vfs::filesystem& files, const account& user, const virtual_path& path) {
    if (auto may = check_upload(user, proto::verb::appe, path, 0); !may) return std::unexpected(may.error());
    const auto part = partial_path(user, proto::verb::appe, 0, path);
    if (!part) return fail(errc::not_found, path.text());
    return files.part_size(*part);
}

}  // namespace sallyport::server
