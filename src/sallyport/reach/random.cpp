#include <sallyport/reach/random.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include <sys/random.h>

namespace sallyport::reach {
namespace {

class batch {
public:
    std::uint32_t next() {
        if (used_ == words_.size()) fill();
        return words_[used_++];
    }

private:
    // 256 bytes: up to that size getrandom is neither short nor interrupted once the generator is seeded.
    void fill() {
        while (::getrandom(words_.data(), sizeof words_, 0) != static_cast<ssize_t>(sizeof words_)) {
            if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        used_ = 0;
    }

    std::array<std::uint32_t, 64> words_{};
    std::size_t used_ = words_.size();
};

}  // namespace

std::uint32_t random_below(std::uint32_t bound) {
    thread_local batch numbers;
    // Lemire, "Fast Random Integer Generation in an Interval" (2019): the rejection removes the bias.
    for (;;) {
        const std::uint64_t product = std::uint64_t{numbers.next()} * bound;
        const auto low = static_cast<std::uint32_t>(product);
        if (low >= bound || low >= (0U - bound) % bound) return static_cast<std::uint32_t>(product >> 32U);
    }
}

}  // namespace sallyport::reach
