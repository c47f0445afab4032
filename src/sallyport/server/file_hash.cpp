#include <sallyport/server/file_hash.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include <sallyport/net/hasher.hpp>
#include <sallyport/net/thread_buffer.hpp>

namespace sallyport::server {
namespace {

/// Between two looks at the clock: a fifth of a slice with SHA-512, the slowest algorithm.
constexpr std::size_t hash_block = 256 * 1024;
static_assert(hash_block <= net::thread_buffer_size);

/// A hash that is being computed. Its functions block on the disk and are called on threads of the pool, one at a time.
class running_hash {
public:
    [[nodiscard]] static result<running_hash> start(vfs::filesystem& files, const proto::file_request& request) {
        auto hash = net::hasher::make(request.algorithm);
        if (!hash) return std::unexpected(std::move(hash.error()));
        auto file = files.open_read(request.path, vfs::may_block::yes);
        if (!file) return std::unexpected(std::move(file.error()));
        const std::uint64_t size = (*file)->facts().size;
        if (request.range.begin > size)
            return fail(errc::out_of_range, fmt::format("{} has only {} bytes", request.path.text(), size));
        return running_hash(std::move(*hash), std::move(*file), request.path.text(),
                            {.begin = request.range.begin, .end = std::min(request.range.end, size)});
    }

    /// True at the end.
    [[nodiscard]] result<bool> step(net::deadline until) {
        while (at_ < range_.end) {
            const auto block =
                net::thread_buffer().first(static_cast<std::size_t>(std::min<std::uint64_t>(hash_block, range_.end - at_)));
            const auto got = file_->read_at(at_, block, vfs::may_block::yes);
            if (!got) return std::unexpected(got.error());
            if (*got < block.size())
                return fail(errc::busy, path_ + ": was truncated while its hash was being computed; try again");
            hash_.add(block);
            at_ += *got;
            if (net::clock::now() >= until) return at_ == range_.end;
        }
        return true;
    }

    [[nodiscard]] result<proto::file_result> finish() {
        auto digits = hash_.finish();
        if (!digits) return std::unexpected(std::move(digits.error()));
        return proto::file_result{.size = range_.end - range_.begin, .line = std::move(*digits)};
    }

private:
    running_hash(net::hasher hash, std::unique_ptr<vfs::read_file> file, std::string path, const proto::byte_range& range)
        : hash_(std::move(hash)), file_(std::move(file)), path_(std::move(path)), range_(range), at_(range.begin) {}

    net::hasher hash_;
    std::unique_ptr<vfs::read_file> file_;
    std::string path_;
    proto::byte_range range_;
    std::uint64_t at_;
};

}  // namespace

net::task<result<proto::file_result>> hash_file(vfs::filesystem& files, disk_access disk, proto::file_request request) {
    auto start = [&files, &request] { return running_hash::start(files, request); };
    result<running_hash> hash = co_await disk.run(std::move(start));
    if (!hash) co_return std::unexpected(std::move(hash.error()));
    auto step = [&running = *hash](net::deadline until) { return running.step(until); };
    const result<void> done = co_await disk.run_in_slices(std::move(step));
    if (!done) co_return std::unexpected(done.error());
    co_return hash->finish();
}

}  // namespace sallyport::server
