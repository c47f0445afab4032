#include <sallyport/server/directory_messages.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include <sallyport/proto/text_lines.hpp>

namespace sallyport::server {
namespace {

/// A session remembers no more directories; it shows no more texts then.
constexpr std::size_t max_taken = 256;

/// Of a text that is too long, the whole lines that fit.
result<std::vector<std::string>> read_lines(vfs::filesystem& files, const virtual_path& path) {
    const auto file = files.open_text(path, vfs::may_block::yes);
    if (!file) return std::unexpected(file.error());
    const std::uint64_t size = (*file)->facts().size;
    std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(size, proto::max_text_size)), '\0');
    const auto got = (*file)->read_at(0, text, vfs::may_block::yes);
    if (!got) return std::unexpected(got.error());
    text.resize(*got);
    if (size > proto::max_text_size) text.resize(std::min(text.rfind('\n'), text.size()));
    return proto::text_lines(text);
}

}  // namespace

net::task<std::vector<std::string>> directory_messages::take(disk_access disk, vfs::filesystem& files,
                                                             virtual_path directory, std::string name) {
    const std::size_t key = std::hash<std::string>()(directory.text());
    const auto path = directory.resolve(name);
    if (!path || taken_.contains(key) || taken_.size() >= max_taken) co_return std::vector<std::string>();
    auto read = [&files, &path] { return read_lines(files, *path); };
    result<std::vector<std::string>> lines = co_await disk.run(std::move(read));
    if (!lines || lines->empty()) co_return std::vector<std::string>();
    taken_.insert(key);
    co_return std::move(*lines);
}

}  // namespace sallyport::server
