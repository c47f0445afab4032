#include <sallyport/server/write_refusal.hpp>

#include <cerrno>

namespace sallyport::server {

bool is_refused_to_process(const error& e) noexcept { return e.code == errc::permission && e.os == EACCES; }

// The commands that help are in the log, for the administrator.
error with_reason_of_refusal(error e) {
    if (is_refused_to_process(e)) e.what += "; the user that this server runs as may not write there";
    return e;
}

}  // namespace sallyport::server
