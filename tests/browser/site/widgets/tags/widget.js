// A third party's script, known by what it leaves behind.
"use strict";

window.partnerWidget = "ran";
