// The requests to the helper process.
// - Whatever the bytes are, a helper without permissions opens no file, connects nothing, starts and ends no process, and
// opens
//   nothing in the kernel.
// - A packet of another size than that of a request is refused.
// - What is refused has no descriptor.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>

#include <sallyport/helper/opening_changes.hpp>
#include <sallyport/helper/packet.hpp>
#include <sallyport/helper/service.hpp>
#include <sallyport/helper/starter.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;

/// Without the control connections of a session, it is asked to remove openings only.
class closed_table final : public firewall::table {
public:
    result<void> commit(std::span<const firewall::change> changes) override {
        for (const auto& c : changes) check(c.kind == firewall::change_kind::close, "no opening without a session");
        return {};
    }
    std::optional<std::chrono::milliseconds> remaining(const firewall::opening&) override { return std::nullopt; }
    firewall::opening_use use_of(const firewall::opening&) override { return firewall::opening_use::none; }
};

[[nodiscard]] std::vector<unique_fd> null_devices(unsigned count) {
    std::vector<unique_fd> out;
    for (unsigned i = 0; i < count; ++i) out.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const helper::permissions none{.program = "/nonexistent"};
    const helper::made_table no_table = fail_os(EPERM);
    helper::service requests(none, no_table);
    helper::starter starts(none.program, sigset_t{});
    closed_table kernel;
    helper::opening_changes changes(none, kernel);
    const auto count = data[0] % 3U;
    helper::request r;
    std::memcpy(&r, data + 1, std::min(size - 1, sizeof r));
    using kind = helper::request_kind;
    const bool harmless = r.kind == kind::clear_successor || r.kind == kind::add_down_backend;
    const auto permitted = [&](const helper::answer& to) {
        check(!to.descriptor, "no descriptor without permission");
        check(to.text.os == 0 || to.text.number == 0, "a refusal has no result");
        return to.text.os == 0;
    };
    auto descriptors = null_devices(count);
    check(!permitted(requests.handle(r, descriptors)) || r.kind == kind::end_interception,
          "a request that needs permission is refused");
    descriptors = null_devices(count);
    check(!permitted(starts.handle(r, descriptors)) || harmless, "a request that needs permission is refused");
    descriptors = null_devices(count);
    check(!permitted(changes.handle(r, descriptors)) || r.number == 0 || r.kind == kind::add_closing,
          "an opening is refused");

    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return 0;
    unique_fd daemon_end(ends[0]);
    const unique_fd helper_end(ends[1]);
    (void)helper::send_packet(daemon_end.get(), {reinterpret_cast<const char*>(data), size}, {});
    ::shutdown(daemon_end.get(), SHUT_WR);
    helper::serve(helper_end.get(), [&](const auto& one, auto with) { return requests.handle(one, with); });
    helper::reply got;
    const auto received = helper::receive_packet(daemon_end.get(), helper::bytes_of(got));
    check(received.size == sizeof got, "each packet has a reply");
    check(size == sizeof r || got.os == EINVAL, "another size is refused");
    return 0;
}
