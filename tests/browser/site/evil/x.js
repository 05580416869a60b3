document.documentElement.classList.add("external-script");
