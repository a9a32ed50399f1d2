/** Elements and record names of the plain texts of each kind. */
export const texts = {
  contacts: {
    FirstName: 'firstName',
    LastName: 'lastName',
    Nickname: 'nickname',
    Workplace: 'company',
    WorkPosition: 'position',
    Department: 'department',
    Url: 'url',
    Comment: 'note',
  },
  appointments: {
    Title: 'title',
    Location: 'location',
    Description: 'description',
    TimeZone: 'timeZone',
    Category: 'category',
  },
  tasks: { Title: 'title', Description: 'description', Location: 'location' },
  notes: { Subject: 'subject', Description: 'text' },
} as const;

export const emailTypes = { Primary: 'email', Home: 'homeEmail', Alternative: 'alternativeEmail' } as const;
export const phoneTypes = {
  Primary: 'phone',
  Mobile: 'mobile',
  Private: 'privatePhone',
  SecondMobile: 'secondMobile',
} as const;
export const addressParts = {
  Street: 'street',
  PostalCode: 'postalCode',
  PostalArea: 'city',
  State: 'state',
  Country: 'country',
} as const;

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
export const small = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
