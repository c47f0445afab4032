#include <sallyport/cli/users.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/small_file.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/server/secret.hpp>

namespace sallyport::cli {

result<std::string> read_secret(std::string_view text) {
    if (!text.starts_with('@')) return std::string(text);
    text.remove_prefix(1);
    if (text.empty()) return fail(errc::usage, "no file name after @; use @FILE, or plain:@ if that is the password");
    auto content = read_small_file(std::string(text));
    if (!content)
        return fail(
            errc::usage,
            fmt::format("cannot read the password file: {}; write plain: before the text if it is the password itself",
                        escape(content.error().text(), 300)));
    content->resize(std::min(content->find('\n'), content->size()));
    if (content->ends_with('\r')) content->pop_back();
    if (content->empty())
        return fail(errc::usage, fmt::format("the first line of {} is empty; write the password there", escape(text, 300)));
    if (std::ranges::any_of(*content, is_control))
        return fail(errc::usage, fmt::format("the first line of {} contains control characters; write the password as text",
                                             escape(text, 300)));
    return content;
}

result<server::user> parse_user(std::string_view option, std::string_view text, server::right_set rights) {
    const auto colon = text.find(':');
    const auto name = text.substr(0, colon);
    const auto refuse = [&](std::string_view why) {
        return fail(errc::usage, fmt::format("{} '{}': {}", option, escape(name, 100), why));
    };
    if (colon == std::string_view::npos || name.empty() || colon + 1 == text.size())
        return refuse("invalid account; use NAME:PASSWORD, neither of them empty");
    if (proto::is_anonymous_name(name)) return refuse("this name means anonymous login; use --anonymous, or another name");
    const auto read = read_secret(text.substr(colon + 1));
    if (!read) return refuse(read.error().what);
    if (const auto good = server::parse_secret(*read); !good) return refuse(good.error().what);
    return server::make_user(std::string(name), *read, rights);
}

result<std::vector<server::user>> parse_users(const std::vector<std::string>& users,
                                              const std::vector<std::string>& readers) {
    std::vector<server::user> out;
    for (const auto& [option, list, rights] : {std::tuple("--user", &users, server::right_set::all()),
                                               std::tuple("--reader", &readers, server::right_set::read_only())}) {
        for (const auto& text : *list) {
            auto parsed = parse_user(option, text, rights);
            if (!parsed) return std::unexpected(parsed.error());
            const auto is_same = [&](const server::user& u) { return u.who.name == parsed->who.name; };
            if (std::ranges::any_of(out, is_same))
                return fail(errc::usage, fmt::format("{} '{}': this name is given twice; remove one of them", option,
                                                     escape(parsed->who.name, 100)));
            out.push_back(std::move(*parsed));
        }
    }
    return out;
}

std::vector<std::string> secret_files(const std::vector<std::string>& users) {
    std::vector<std::string> out;
    for (const auto& text : users)
        if (const auto colon = text.find(':'); colon != std::string::npos && text.substr(colon + 1).starts_with('@'))
            out.push_back(text.substr(colon + 2));
    return out;
}

}  // namespace sallyport::cli
