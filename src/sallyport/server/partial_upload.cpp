#include <sallyport/server/partial_upload.hpp>

#include <string>

namespace sallyport::server {

std::optional<virtual_path> partial_path(const virtual_path& path) {
    return path.parent().resolve(std::string(path.name()) + ".partial");
}

bool can_be_kept(const proto::transfer_request& request) noexcept {
    return request.type != proto::data_type::ascii && request.command != proto::verb::stou;
}

std::optional<std::uint64_t> start_of(const proto::transfer_request& request) noexcept {
    if (request.command == proto::verb::appe) return std::nullopt;
    return request.offset;
}

}  // namespace sallyport::server
