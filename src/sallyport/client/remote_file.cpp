#include <sallyport/client/remote_file.hpp>

#include <algorithm>
#include <string_view>

namespace sallyport::client {

using proto::entry;
using proto::entry_type;
using proto::verb;

namespace {

/// The line of facts in a reply to MLST, which begins with one blank.
std::optional<entry> entry_in(const proto::reply& r) {
    for (std::string_view line : r.lines) {
        if (line.starts_with(' ')) line.remove_prefix(1);
        const auto facts = line.substr(0, line.find(' '));
        if (facts.find('=') == std::string_view::npos) continue;
        if (auto found = proto::parse_mlsx(line)) return std::move(*found);
    }
    return std::nullopt;
}

/// The server supports the command: it succeeded, or reports that there is no such file.
bool is_answer(const proto::reply& r) { return r.positive() || (r.code >= 550 && r.code < 560); }

}  // namespace

// "213 20260102150405", in any line of the reply.
std::optional<std::int64_t> time_in(const proto::reply& r) {
    if (r.code != 213) return std::nullopt;
    for (std::string_view line : r.lines) {
        while (!line.empty()) {
            const auto word = line.substr(0, line.find(' '));
            if (const auto time = proto::parse_time(word)) return time;
            line.remove_prefix(std::min(word.size() + 1, line.size()));
        }
    }
    return std::nullopt;
}

std::string last_component(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string directory_part(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

std::string parent_of(const std::string& path) {
    auto out = directory_part(path);
    if (out.size() > 1) out.pop_back();
    return out;
}

net::task<std::optional<std::int64_t>> modification_time(connection& conn, std::string path) {
    const auto reply = co_await conn.request(verb::mdtm, std::move(path));
    if (!reply) co_return std::nullopt;
    co_return time_in(*reply);
}

net::task<file_query_result> query_entry(connection& conn, std::string path) {
    file_query_result out;
    if (conn.facts().features().may_have_mlsd()) {
        const auto reply = co_await conn.request(verb::mlst, path);
        if (!reply) {
            out.failure = reply.error();
            co_return out;
        }
        out.is_supported = out.has_directories = is_answer(*reply);
        if (reply->positive()) out.file = entry_in(*reply);
    }
    if (!out.is_supported) {
        const auto size = co_await conn.size(path);
        if (!size) {
            out.failure = size.error();
            co_return out;
        }
        out.is_supported = is_answer(conn.facts().last_reply());
        if (*size) {
            out.file.emplace();
            out.file->size = **size;
            out.file->has_size = true;
            if (const auto time = co_await modification_time(conn, path)) {
                out.file->modified = *time;
                out.file->has_modified = true;
            }
        }
    }
    if (out.file) out.file->name = last_component(path);
    co_return out;
}

net::task<file_query_result> query_file(connection& conn, std::string path) {
    auto out = co_await query_entry(conn, std::move(path));
    if (out.file && (out.file->type == entry_type::directory || out.file->type == entry_type::current ||
                     out.file->type == entry_type::parent))
        out.file.reset();
    co_return out;
}

}  // namespace sallyport::client
