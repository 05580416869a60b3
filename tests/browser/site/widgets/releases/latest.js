// Where the address of the latest release leads to.
"use strict";

window.partnerRelease = "ran";
