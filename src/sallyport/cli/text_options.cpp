#include <sallyport/cli/text_options.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/small_file.hpp>
#include <sallyport/proto/text_lines.hpp>

namespace sallyport::cli {
namespace {

result<std::vector<std::string>> lines_of_file(std::string_view option, const std::string& file) {
    if (file.empty()) return std::vector<std::string>();
    const auto text = read_small_file(file, proto::max_text_size);
    if (!text)
        return fail(errc::usage, fmt::format("{} {}; write a text of at most {} KiB into this file, or remove the option",
                                             option, escape(text.error().text(), 500), proto::max_text_size / 1024));
    return proto::text_lines(*text);
}

}  // namespace

void text_options::add_to(command_table& table) {
    table.add("Texts",
              {{"--banner-file", "FILE", text(banner_file), "File whose lines clients see before the greeting", "none"},
               {"--greeting", "TEXT", text(greeting), "Text of the 220 greeting"},
               {"--login-file", "FILE", text(login_file), "File whose lines users see when they have logged in", "none"},
               {"--message-file", "NAME", text(message_file),
                "Files with this name have the text that CWD shows, such as .message", "off"},
               {"--goodbye", "TEXT", text(goodbye), "Text of the reply to QUIT"}});
}

result<void> text_options::fill(server::settings& out) const {
    if (message_file.find('/') != std::string::npos || message_file == "." || message_file == "..")
        return fail(errc::usage,
                    fmt::format("--message-file {}: it is a name in each directory, so it has no '/'; use a name "
                                "such as .message",
                                escape(message_file, 100)));
    auto banner = lines_of_file("--banner-file", banner_file);
    if (!banner) return std::unexpected(std::move(banner.error()));
    auto login = lines_of_file("--login-file", login_file);
    if (!login) return std::unexpected(std::move(login.error()));
    out.texts = std::make_shared<const proto::session_texts>(proto::session_texts{
        .banner = std::move(*banner), .greeting = greeting, .login = std::move(*login), .goodbye = goodbye});
    out.message_file = message_file;
    return {};
}

std::vector<std::string> text_options::files() const {
    std::vector<std::string> out;
    for (const auto* file : {&banner_file, &login_file})
        if (!file->empty()) out.push_back(*file);
    return out;
}

}  // namespace sallyport::cli
