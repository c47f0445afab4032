#include <sallyport/client/overlap_check.hpp>

#include <array>
#include <cerrno>

#include <unistd.h>

namespace sallyport::client {

result<void> overlap_check::compare(std::string_view& bytes) {
    std::array<char, 16 * 1024> stored;
    while (!different_ && !bytes.empty() && at_ < end_) {
        const auto part = std::min<std::uint64_t>({bytes.size(), stored.size(), end_ - at_});
        const auto n = ::pread(file_, stored.data(), static_cast<std::size_t>(part), static_cast<off_t>(at_));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_os(errno, "reading the local file");
        const auto got = static_cast<std::size_t>(n);
        // 0 bytes: the local file was truncated in the meantime.
        different_ = got == 0 || bytes.substr(0, got) != std::string_view(stored.data(), got);
        at_ += got;
        bytes.remove_prefix(got);
    }
    if (bytes.size() > remaining_) different_ = true;
    remaining_ -= std::min<std::uint64_t>(remaining_, bytes.size());
    return {};
}

}  // namespace sallyport::client
