#pragma once
// The files of the page, as they are in this directory; the build makes them constants. Any thread.

#include <string_view>

namespace sallyport::ops {

extern const std::string_view page_html;
extern const std::string_view page_css;
extern const std::string_view page_js;

}  // namespace sallyport::ops
