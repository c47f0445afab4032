#pragma once
// The helper's side of a connection with the daemon: requests are received and answered one by one, but for those of a
// transaction, which have one reply.
//
// Values and functions of the helper's processes; each connection has one thread.

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/helper/request.hpp>

namespace sallyport::helper {

struct answer {
    reply text;
    unique_fd descriptor{};
    // False: the daemon waits for the reply to a later request only.
    bool is_due = true;
};
[[nodiscard]] inline answer refuse(int os) { return {.text = {.os = os}}; }
[[nodiscard]] answer refuse(const error& reason);
[[nodiscard]] answer done(std::string_view text);
[[nodiscard]] inline answer done(std::int32_t number = 0) { return {.text = {.os = 0, .number = number}}; }

/// Performs a request, or refuses it with an errno: EINVAL if it is not well-formed, EPERM if it is not permitted.
using handler = std::function<answer(const request& r, std::span<unique_fd> descriptors)>;

/// Performs the requests that arrive on `channel` until its other end is closed.
void serve(int channel, const handler& handle);

}  // namespace sallyport::helper
