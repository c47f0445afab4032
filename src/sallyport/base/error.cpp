#include <sallyport/base/error.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace sallyport {

error_kind kind(errc code) noexcept {
    switch (code) {
        case errc::io:
        case errc::not_found:
        case errc::exists:
        case errc::permission:
        case errc::not_a_directory:
        case errc::is_a_directory:
        case errc::not_a_file:
        case errc::not_empty:
        case errc::name_invalid:
        case errc::no_space:
        case errc::quota:
        case errc::out_of_range:
        case errc::busy:
        case errc::refused:
        case errc::unreachable:
        case errc::reset:
        case errc::closed:
        case errc::timeout:
        case errc::cancelled:
        case errc::unresolved:
        case errc::exhausted:
        case errc::port_refused: return error_kind::environment;
        case errc::syntax:
        case errc::too_long:
        case errc::unexpected:
        case errc::stray_reply:
        case errc::not_allowed:
        case errc::unsupported:
        case errc::login_refused:
        case errc::rejected:
        case errc::tls:
        case errc::tls_untrusted:
        case errc::tls_not_resumed:
        case errc::truncated: return error_kind::peer;
        case errc::usage: return error_kind::usage;
        case errc::misuse: return error_kind::misuse;
    }
    return error_kind::misuse;
}

namespace {

struct errc_text {
    std::string_view name;
    std::string_view sentence;
};

errc_text text_of(errc code) noexcept {
    switch (code) {
        case errc::io: return {"io", "the system refused the operation"};
        case errc::not_found: return {"not_found", "no such file or directory"};
        case errc::exists: return {"exists", "the name already exists"};
        case errc::permission: return {"permission", "permission denied"};
        case errc::not_a_directory: return {"not_a_directory", "not a directory"};
        case errc::is_a_directory: return {"is_a_directory", "is a directory"};
        case errc::not_a_file: return {"not_a_file", "not a regular file"};
        case errc::not_empty: return {"not_empty", "the directory is not empty"};
        case errc::name_invalid: return {"name_invalid", "the name cannot be used"};
        case errc::no_space: return {"no_space", "no space left on the disk"};
        case errc::quota: return {"quota", "disk quota exceeded"};
        case errc::out_of_range: return {"out_of_range", "the position is beyond the end of the file"};
        case errc::busy: return {"busy", "in use"};
        case errc::refused: return {"refused", "connection refused"};
        case errc::unreachable: return {"unreachable", "address unreachable"};
        case errc::reset: return {"reset", "connection reset by the peer"};
        case errc::closed: return {"closed", "connection closed by the peer"};
        case errc::timeout: return {"timeout", "timed out"};
        case errc::cancelled: return {"cancelled", "cancelled"};
        case errc::unresolved: return {"unresolved", "the host name has no address"};
        case errc::exhausted: return {"exhausted", "no free resource left"};
        case errc::port_refused: return {"port_refused", "the port is not available"};
        case errc::syntax: return {"syntax", "invalid format"};
        case errc::too_long: return {"too_long", "longer than allowed"};
        case errc::unexpected: return {"unexpected", "unexpected message"};
        case errc::stray_reply: return {"stray_reply", "unsolicited reply"};
        case errc::not_allowed: return {"not_allowed", "not allowed"};
        case errc::unsupported: return {"unsupported", "not supported"};
        case errc::login_refused: return {"login_refused", "login refused"};
        case errc::rejected: return {"rejected", "refused by the server"};
        case errc::tls: return {"tls", "TLS failed"};
        case errc::tls_untrusted: return {"tls_untrusted", "the certificate is not trusted"};
        case errc::tls_not_resumed:
            return {"tls_not_resumed", "the data connection's TLS session is not the control connection's"};
        case errc::truncated: return {"truncated", "connection closed before the end of the data"};
        case errc::usage: return {"usage", "wrong usage"};
        case errc::misuse: return {"misuse", "a bug in Sallyport"};
    }
    return {"misuse", "a bug in Sallyport"};
}

}  // namespace

std::string_view name(errc code) noexcept { return text_of(code).name; }
std::string_view describe(errc code) noexcept { return text_of(code).sentence; }

std::string error::text() const {
    if (what.empty() && os == 0) return std::string(describe(code));
    // `what` names the object, or is complete: it contains a cause or a next step already.
    const auto next_step = what.find("; ");
    std::string cause;
    if (os != 0)
        cause = std::generic_category().message(os);
    else if (next_step == std::string::npos && what.find(": ") == std::string::npos &&
             what.find(describe(code)) == std::string::npos)
        cause = describe(code);
    if (cause.empty()) return what;
    if (what.empty()) return std::string(describe(code)) + ": " + cause;
    auto text = what;
    return text.insert(std::min(next_step, text.size()), ": " + cause);
}

errc from_errno(int os) noexcept {
    switch (os) {
        case ENOENT: return errc::not_found;
        case EEXIST: return errc::exists;
        case EACCES:
        case EPERM:
        case EROFS: return errc::permission;
        case ENOTDIR: return errc::not_a_directory;
        case EISDIR: return errc::is_a_directory;
        case ENOTEMPTY: return errc::not_empty;
        case ENAMETOOLONG:
        case EXDEV:
        case ELOOP:
        case EILSEQ: return errc::name_invalid;
        case ENOSPC: return errc::no_space;
        case EDQUOT: return errc::quota;
        case EFBIG: return errc::out_of_range;
        case EBUSY:
        case ETXTBSY: return errc::busy;
        case ECONNREFUSED: return errc::refused;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ENETDOWN: return errc::unreachable;
        case ECONNRESET:
        case EPIPE:
        case ECONNABORTED: return errc::reset;
        case ETIMEDOUT: return errc::timeout;
        case ECANCELED: return errc::cancelled;
        case EMFILE:
        case ENFILE:
        case EXFULL:
        case ENOMEM:
        case ENOBUFS:
        case EADDRINUSE:
        case EADDRNOTAVAIL: return errc::exhausted;
        case EOPNOTSUPP:
        case ENOSYS:
        case EAFNOSUPPORT: return errc::unsupported;
        default: return errc::io;
    }
}

}  // namespace sallyport
