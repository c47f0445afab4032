#include <sallyport/vfs/filesystem.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <unistd.h>

namespace sallyport::vfs {

result<bool> store_file::prepare(std::chrono::steady_clock::time_point) { return true; }

result<void> store_file::write_from(int pipe, std::size_t count) {
    std::vector<char> buffer(std::min<std::size_t>(count, 128 * 1024));
    while (count > 0) {
        const ssize_t n = ::read(pipe, buffer.data(), std::min(count, buffer.size()));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail_os(n < 0 ? errno : EPIPE, "reading a pipe");
        const auto got = static_cast<std::size_t>(n);
        if (auto wrote = write(std::span(buffer).first(got)); !wrote) return wrote;
        count -= got;
    }
    return {};
}

result<void> directory::read(std::vector<entry>& into) {
    const std::size_t before = into.size();
    std::vector<std::string> names;
    while (into.size() == before) {
        names.clear();
        const result<void> done = read_names(names);
        if (!done || names.empty()) return done;
        for (std::string& name : names) {
            entry item{std::move(name), {}, {}};
            auto found = find(item);
            if (!found) return std::unexpected(std::move(found.error()));
            if (*found) into.push_back(std::move(item));
        }
    }
    return {};
}

result<std::unique_ptr<store_file>> filesystem::open_part(const virtual_path& part, const virtual_path& /*path*/,
                                                          std::optional<std::uint64_t> /*offset*/,
                                                          existing_target /*existing*/) {
    return fail(errc::unsupported, part.text());
}

result<std::uint64_t> filesystem::part_size(const virtual_path& part) { return fail(errc::unsupported, part.text()); }

}  // namespace sallyport::vfs
