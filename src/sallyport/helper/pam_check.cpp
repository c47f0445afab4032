#include <sallyport/helper/pam_check.hpp>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <string_view>

#include <fmt/format.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <unistd.h>

namespace sallyport::helper {
namespace {

constexpr auto refused_users = "/etc/ftpusers";

/// Answers requests for a hidden text with the password. There is no user to answer others.
int answer_prompts(int count, const pam_message** messages, pam_response** into, void* password) {
    if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
    // PAM releases the replies with free().
    auto* const made = static_cast<pam_response*>(std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
    if (made == nullptr) return PAM_BUF_ERR;
    const std::span replies(made, static_cast<std::size_t>(count));
    bool can_answer = true;
    for (std::size_t i = 0; i < replies.size(); ++i) {
        const int style = messages[i]->msg_style;
        can_answer = can_answer && (style == PAM_PROMPT_ECHO_OFF || style == PAM_TEXT_INFO || style == PAM_ERROR_MSG);
        if (style == PAM_PROMPT_ECHO_OFF) replies[i].resp = ::strdup(static_cast<const char*>(password));
    }
    if (can_answer) {
        *into = made;
        return PAM_SUCCESS;
    }
    for (const auto& reply : replies) {
        if (reply.resp != nullptr) ::explicit_bzero(reply.resp, std::strlen(reply.resp));
        std::free(reply.resp);
    }
    std::free(made);
    return PAM_CONV_ERR;
}

/// The daemon delays refusals itself, without a process for each of them.
void delay_nothing(int /*outcome*/, unsigned /*microseconds*/, void* /*password*/) {}

/// Whether PAM could not decide. PAM_SYSTEM_ERR is also what pam_exec reports of a program that refuses a password, so it
/// counts as a refusal, or such a password could be guessed without a penalty.
bool is_undecided(int code) {
    switch (code) {
        case PAM_OPEN_ERR:
        case PAM_SYMBOL_ERR:
        case PAM_SERVICE_ERR:
        case PAM_BUF_ERR:
        case PAM_AUTHINFO_UNAVAIL:
        case PAM_CONV_ERR:
        case PAM_ABORT:
        case PAM_MODULE_UNKNOWN:
        case PAM_BAD_ITEM:
        case PAM_INCOMPLETE: return true;
        default: return false;
    }
}

/// One conversation with PAM.
class pam_conversation {
public:
    pam_conversation(const std::string& service, const std::string& user, char* password) : talk_{answer_prompts, password} {
        code_ = ::pam_start(service.c_str(), user.c_str(), &talk_, &handle_);
    }
    ~pam_conversation() {
        if (handle_ != nullptr) ::pam_end(handle_, code_);
    }
    pam_conversation(const pam_conversation&) = delete;
    pam_conversation& operator=(const pam_conversation&) = delete;

    /// `step`: a function of PAM. After a failure, no further step is taken.
    template <class Step>
    void take(std::string_view name, Step step) {
        if (code_ != PAM_SUCCESS) return;
        name_ = name;
        code_ = step(handle_);
    }
    [[nodiscard]] bool is_good() const noexcept { return code_ == PAM_SUCCESS; }
    [[nodiscard]] pam_reply failure() const {
        return make_pam_reply(is_undecided(code_) ? pam_verdict::unavailable : pam_verdict::refused,
                              fmt::format("PAM, {}: {}", name_, ::pam_strerror(handle_, code_)));
    }
    /// A module may have replaced it.
    [[nodiscard]] std::string user() const {
        const void* name = nullptr;
        if (::pam_get_item(handle_, PAM_USER, &name) != PAM_SUCCESS || name == nullptr) return {};
        return static_cast<const char*>(name);
    }

private:
    pam_conv talk_;
    pam_handle_t* handle_ = nullptr;
    int code_ = PAM_ABORT;
    std::string_view name_ = "start";
};

bool has_valid_shell(const passwd& entry) {
    const std::string_view shell = *entry.pw_shell == '\0' ? "/bin/sh" : entry.pw_shell;
    bool found = false;
    ::setusershell();
    for (const char* one = ::getusershell(); one != nullptr && !found; one = ::getusershell()) found = shell == one;
    ::endusershell();
    return found;
}

/// One name in each line. Without the file, no user is refused.
bool is_refused_user(const std::string& name) {
    constexpr auto blanks = " \t\r";
    std::ifstream in(refused_users);
    for (std::string line; std::getline(in, line);) {
        line.resize(std::min(line.size(), line.find('#')));
        line.erase(0, std::min(line.size(), line.find_first_not_of(blanks)));
        line.resize(line.find_last_not_of(blanks) + 1);
        if (line == name) return true;
    }
    return false;
}

pam_reply check_system_user(const std::string& name) {
    errno = 0;
    const passwd* const entry = ::getpwnam(name.c_str());
    if (entry == nullptr && errno != 0 && errno != ENOENT)
        return make_pam_reply(pam_verdict::unavailable,
                              fmt::format("the system's users cannot be read: {}", ::strerrordesc_np(errno)));
    if (entry == nullptr) return make_pam_reply(pam_verdict::refused, "PAM knows the user, but the system does not");
    if (entry->pw_uid == 0) return make_pam_reply(pam_verdict::refused, "root cannot log in");
    if (!has_valid_shell(*entry))
        return make_pam_reply(pam_verdict::refused, fmt::format("the shell {} is not in /etc/shells", entry->pw_shell));
    if (is_refused_user(name)) return make_pam_reply(pam_verdict::refused, fmt::format("the user is in {}", refused_users));
    auto out = make_pam_reply(pam_verdict::accepted, {});
    if (!put_text(entry->pw_dir, out.home))
        return make_pam_reply(pam_verdict::unavailable, "the path of the user's home directory in the system is too long");
    return out;
}

}  // namespace

pam_reply check_with_pam(const std::string& service, pam_request& request) {
    const auto name = text_in(request.user);
    const auto address = text_in(request.address);
    if (!name || !address || !text_in(request.password))
        return make_pam_reply(pam_verdict::unavailable, "the request is not valid");
    {
        constexpr int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
        pam_conversation pam(service, *name, request.password.data());
        pam.take("start", [&](pam_handle_t* h) { return ::pam_set_item(h, PAM_RHOST, address->c_str()); });
        // Some modules require one.
        pam.take("start", [](pam_handle_t* h) { return ::pam_set_item(h, PAM_TTY, "ftp"); });
        pam.take("start", [](pam_handle_t* h) {
            return ::pam_set_item(h, PAM_FAIL_DELAY, reinterpret_cast<const void*>(&delay_nothing));
        });
        pam.take("password", [](pam_handle_t* h) { return ::pam_authenticate(h, flags); });
        ::explicit_bzero(request.password.data(), request.password.size());
        pam.take("account", [](pam_handle_t* h) { return ::pam_acct_mgmt(h, flags); });
        if (!pam.is_good()) return pam.failure();
        // Its limits, penalties and home would be those of another name.
        if (pam.user() != *name)
            return make_pam_reply(pam_verdict::refused,
                                  fmt::format("PAM has changed the name to '{}'; log in with that one", pam.user()));
    }
    return check_system_user(*name);
}

}  // namespace sallyport::helper
