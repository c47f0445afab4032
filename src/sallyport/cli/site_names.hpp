#pragma once
// Where the client commands accept a URL, they accept NAME:PATH too: PATH below the URL that 'sallyport sites add' has given
// this name. Functions on values for the main thread; those that look up a name read the database of sites.

#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/site_database.hpp>
#include <sallyport/client/url.hpp>

namespace sallyport::cli {

/// What a location may be, for help.
inline constexpr std::string_view location_forms =
    "ftp://, ftpes:// (explicit TLS), ftps:// (implicit TLS), or NAME:PATH of a site";

struct site_path {
    std::string name;
    std::string path;
    friend bool operator==(const site_path&, const site_path&) = default;
};

/// Nothing if it is a URL, or not in the form NAME:PATH.
[[nodiscard]] std::optional<site_path> split_site_path(std::string_view text);

/// A name has letters, digits, '-', '_' and '.', and begins with a letter or digit.
[[nodiscard]] bool is_site_name(std::string_view name);

/// The text of a URL for `path` below `url`, which url::text() has made. After a slash at its beginning, `path` begins at
/// the root of the server.
[[nodiscard]] std::string url_below(std::string_view url, std::string_view path);

/// errc::usage if there is no such site.
[[nodiscard]] result<named_site> find_site(const std::string& name);

/// A URL, or NAME:PATH of a site, whose name is then in url::site.
[[nodiscard]] result<client::url> parse_location(const std::string& text);

/// Whether it is a URL or begins with the name of a site, and so is no local file.
[[nodiscard]] bool is_location(const std::string& text);

}  // namespace sallyport::cli
