#include <sallyport/proto/server_parameters.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/failure_reply.hpp>

namespace sallyport::proto {

reply server_parameters::set_type(const command& c) {
    const std::string type = to_upper(c.argument);
    if (type == "A" || type == "A N") {
        type_ = data_type::ascii;
        return {200, {"Type is ASCII."}};
    }
    if (type == "I" || type == "L 8" || type == "L8") {
        type_ = data_type::image;
        return {200, {"Type is image (binary)."}};
    }
    return {504, {"Only TYPE A, I and L 8 are supported; the type is unchanged."}};
}

reply server_parameters::set_structure(const command& c) {
    if (iequals(c.argument, "F")) return {200, {"Structure is file."}};
    return {504, {"Only STRU F is supported; the structure is unchanged."}};
}

reply server_parameters::set_mode(const command& c) {
    const bool block = iequals(c.argument, "B");
    if (!block && !iequals(c.argument, "S")) return {504, {"Only MODE S and B are supported; the mode is unchanged."}};
    mode_ = block ? transfer_mode::block : transfer_mode::stream;
    return {200, {block ? "Mode is block." : "Mode is stream."}};
}

reply server_parameters::set_offset(const command& c) {
    const std::uint64_t offset = parse_decimal(c.argument).value_or(0);
    // FS-08
    if (offset > 0 && type_ == data_type::ascii) return {504, {"REST requires TYPE I; send TYPE I first."}};
    range_ = {.begin = offset};
    return {350, {fmt::format("Restarting at {}. Send RETR or STOR.", offset)}};
}

reply server_parameters::set_range(const command& c) {
    const auto range = parse_range(c.argument);
    if (!range) return {501, {"RANG takes the offsets of the first and the last byte, or 1 0 for the whole file."}};
    if (*range != byte_range{} && type_ == data_type::ascii) return {504, {"RANG requires TYPE I; send TYPE I first."}};
    range_ = *range;
    if (range_ == byte_range{}) return {350, {"Restarting at 0. Send RETR or HASH."}};
    return {350, {fmt::format("Restarting at {}, up to {}. Send RETR or HASH.", range_.begin, range_.end - 1)}};
}

/// "1024" or "1024 R 80". Only the first number matters for files without records.
reply server_parameters::set_allocation(const command& c) {
    const std::string_view text = c.argument;
    const std::size_t blank = text.find(' ');
    const auto bytes = parse_decimal(text.substr(0, blank));
    const std::string_view rest = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
    if (!bytes || (!rest.empty() && !(starts_with_icase(rest, "R ") && parse_decimal(rest.substr(2)))))
        return {501, {"Syntax: ALLO bytes [R bytes]"}};
    announced_ = *bytes;
    return {200, {fmt::format("{} bytes announced.", *bytes)}};
}

std::expected<transfer_request, reply> server_parameters::file_transfer(const command& c, const virtual_path& directory) {
    const auto no = [](int code, std::string text) { return std::unexpected(reply{code, {std::move(text)}}); };
    const byte_range range = release_range();
    const bool ends_early = range.end != byte_range{}.end;
    const std::optional<std::uint64_t> announced = std::exchange(announced_, std::nullopt);
    const bool restartable = c.id == verb::retr || c.id == verb::stor;
    if (ends_early && c.id != verb::retr) return no(503, fmt::format("RANG cannot be used with {}.", c.name));
    if (range.begin > 0 && !restartable) return no(503, fmt::format("REST cannot be used with {}.", c.name));
    if (range != byte_range{} && type_ == data_type::ascii) return no(504, "REST requires TYPE I; send TYPE I first.");
    const auto path = directory.resolve(c.argument);
    if (!path) return std::unexpected(as_reply(reply_for({errc::name_invalid, 0, {}}, c.id)));
    return transfer_request{
        .command = c.id, .path = *path, .offset = range.begin, .end = range.end, .announced = announced, .facts = {}};
}

}  // namespace sallyport::proto
