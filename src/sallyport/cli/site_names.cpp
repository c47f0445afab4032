#include <sallyport/cli/site_names.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>

namespace sallyport::cli {

bool is_site_name(std::string_view name) {
    const auto is_word = [](char c) { return is_alpha(c) || is_digit(c); };
    const auto fits = [&](char c) { return is_word(c) || c == '-' || c == '_' || c == '.'; };
    return !name.empty() && name.size() <= 100 && is_word(name.front()) && std::ranges::all_of(name, fits);
}

std::optional<site_path> split_site_path(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == text.npos || text.substr(colon).starts_with("://") || !is_site_name(text.substr(0, colon)))
        return std::nullopt;
    return site_path{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

std::string url_below(std::string_view url, std::string_view path) {
    if (path.empty()) return std::string(url);
    const auto authority = url.find('/', url.find("://") + 3);
    // A doubled slash begins an absolute path.
    if (path.starts_with('/')) return fmt::format("{}/{}", url.substr(0, authority), path);
    return fmt::format("{}{}{}", url, url.ends_with('/') ? "" : "/", path);
}

result<named_site> find_site(const std::string& name) {
    const auto unknown = [&name] {
        return fail(errc::usage,
                    fmt::format("there is no site '{}'; 'sallyport sites list' shows the sites, and a URL has a "
                                "form such as ftp://host/path",
                                escape(name, 100)));
    };
    auto database = site_database::open(site_database_file(), site_access::read);
    if (!database && database.error().code == errc::not_found) return unknown();
    if (!database) return std::unexpected(std::move(database.error()));
    auto site = database->find(name);
    if (!site) return std::unexpected(std::move(site.error()));
    if (!*site) return unknown();
    return std::move(**site);
}

result<client::url> parse_location(const std::string& text) {
    const auto named = split_site_path(text);
    if (!named) return client::url::parse(text);
    const auto site = find_site(named->name);
    if (!site) return std::unexpected(site.error());
    auto location = client::url::parse(url_below(site->url, named->path));
    if (location) location->site = named->name;
    return location;
}

bool is_location(const std::string& text) {
    if (text.contains("://")) return true;
    const auto named = split_site_path(text);
    return named && find_site(named->name).has_value();
}

}  // namespace sallyport::cli
