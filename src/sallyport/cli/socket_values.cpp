#include <sallyport/cli/socket_values.hpp>

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <grp.h>

#include <sallyport/base/address.hpp>
#include <sallyport/base/escape.hpp>

namespace sallyport::cli {
namespace {

constexpr int decimal = 10;
constexpr int octal = 8;
constexpr unsigned rights_of_files = 0777;

template <class Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text, int base) {
    Number out{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

[[nodiscard]] result<gid_t> group_of(std::string_view text) {
    if (const auto number = number_of<gid_t>(text, decimal)) return *number;
    group found{};
    group* entry = nullptr;
    std::array<char, 16384> space{};
    if (text.empty() || ::getgrnam_r(std::string(text).c_str(), &found, space.data(), space.size(), &entry) != 0 ||
        entry == nullptr)
        return fail(errc::usage,
                    fmt::format("this machine has no group \"{}\"; create it, or name another one", escape(text, 100)));
    return entry->gr_gid;
}

[[nodiscard]] result<void> set_parameter(ops::socket_place& of, bool& has_mode, std::string_view parameter) {
    const auto equals = parameter.find('=');
    const auto name = parameter.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
    if (name == "group") {
        const auto group = group_of(value);
        if (!group) return std::unexpected(group.error());
        of.group = *group;
        return {};
    }
    if (name == "mode") {
        const auto mode = number_of<unsigned>(value, octal);
        if (!mode || *mode > rights_of_files)
            return fail(errc::usage, fmt::format("\"{}\" is not a mode; use octal digits such as 0660", escape(value, 100)));
        of.mode = *mode;
        has_mode = true;
        return {};
    }
    return fail(errc::usage, fmt::format("unknown parameter \"{}\"; use group=GROUP and mode=MODE, as in "
                                         "PATH?group=adm&mode=0660",
                                         escape(parameter, 100)));
}

}  // namespace

result<ops::socket_place> parse_socket_place(std::string_view text) {
    const auto question = text.find('?');
    ops::socket_place out{.path = std::string(text.substr(0, question))};
    if (out.path.empty()) return fail(errc::usage, "the path is empty; name a file, such as /run/sallyport/gate.sock");
    if (question == std::string_view::npos) return out;
    bool has_mode = false;
    auto rest = text.substr(question + 1);
    for (bool more = true; more;) {
        const auto end = rest.find('&');
        if (auto set = set_parameter(out, has_mode, rest.substr(0, end)); !set)
            return std::unexpected(std::move(set).error());
        more = end != std::string_view::npos;
        if (more) rest.remove_prefix(end + 1);
    }
    if (out.group && !has_mode) out.mode = 0660;
    return out;
}

option_value socket_path(ops::socket_place& into) {
    return single([&into](const std::string& text) -> result<void> {
        auto parsed = parse_socket_place(text);
        if (!parsed) return std::unexpected(std::move(parsed).error());
        into = std::move(*parsed);
        return {};
    });
}

option_value address_or_socket(std::optional<ops::metrics_place>& into) {
    return single([&into](const std::string& text) -> result<void> {
        if (text.contains('/')) {
            auto parsed = parse_socket_place(text);
            if (!parsed) return std::unexpected(std::move(parsed).error());
            into = std::move(*parsed);
            return {};
        }
        const auto address = endpoint::parse(text);
        if (!address)
            return fail(errc::syntax,
                        fmt::format("\"{}\" is neither ADDRESS:PORT, such as 127.0.0.1:9121 or [::1]:9121, nor the path "
                                    "of a Unix socket, such as /run/sallyport/metrics.sock",
                                    escape(text, 100)));
        into = *address;
        return {};
    });
}

std::vector<parameter_row> socket_parameters() {
    return {{"group=GROUP", "that of the process", "Group of the socket's file; its members may connect"},
            {"mode=MODE", "0600, with group 0660", "Mode of the socket's file; users who may write to it may connect"}};
}

}  // namespace sallyport::cli
