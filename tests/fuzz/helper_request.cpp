// The requests to the helper process.
// - Whatever the bytes are, a helper without permissions opens no file, connects nothing, starts and ends no process.
// - A packet of another size than that of a request is refused.
// - What is refused has no descriptor.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>

#include <sallyport/helper/packet.hpp>
#include <sallyport/helper/service.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    if (size == 0) return 0;
    helper::service requests(helper::permissions{.program = "/nonexistent"}, sigset_t{});
    const auto count = data[0] % 3U;
    helper::request r;
    std::memcpy(&r, data + 1, std::min(size - 1, sizeof r));
    std::vector<unique_fd> descriptors;
    for (unsigned i = 0; i < count; ++i) descriptors.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const auto answer = requests.handle(r, descriptors);
    using kind = helper::request_kind;
    const bool harmless = r.kind == kind::clear_successor || r.kind == kind::add_down_backend;
    check(harmless || answer.text.os != 0, "a request that needs permission is refused");
    check(!answer.descriptor, "no descriptor without permission");
    check(answer.text.os == 0 || answer.text.number == 0, "a refusal has no result");

    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return 0;
    unique_fd daemon_end(ends[0]);
    const unique_fd helper_end(ends[1]);
    (void)helper::send_packet(daemon_end.get(), {reinterpret_cast<const char*>(data), size}, {});
    ::shutdown(daemon_end.get(), SHUT_WR);
    helper::serve(helper_end.get(), requests);
    helper::reply got;
    const auto received = helper::receive_packet(daemon_end.get(), helper::bytes_of(got));
    check(received.size == sizeof got, "each packet has a reply");
    check(size == sizeof r || got.os == EINVAL, "another size is refused");
    return 0;
}
